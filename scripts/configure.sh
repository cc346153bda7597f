# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Configures a kernel from fragments; for scripts that have sourced lib.sh.

# merge_fragments VERSION FRAGMENT...: one configuration of all fragments, later lines
# win. A line may end in "# only 7.3": other versions skip it.
merge_fragments() {
	local version=$1 fragment
	shift
	for fragment in "$@"; do
		cat "$SCRIPTS/config/$fragment.config"
	done | awk -v version="$version" '
		match($0, / *# only .*/) {
			only = substr($0, RSTART)
			$0 = substr($0, 1, RSTART - 1)
			sub(/.*# only */, "", only)
			if (index(" " only " ", " " version " ") == 0)
				next
		}
		/^CONFIG_[A-Za-z0-9_]+=/ { name = $0; sub(/=.*/, "", name) }
		/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { name = $2 }
		name { if (!(name in line)) order[++count] = name; line[name] = $0; name = "" }
		END { for (i = 1; i <= count; i++) print line[order[i]] }'
}

# configure BUILD MAKE...: configure BUILD only from BUILD/gup_pin.config, by the given
# make command. Kconfig silently drops an option with unmet dependencies: that is an
# error here.
configure() {
	local build=$1 log=$1/gup_pin.log wrong
	shift
	if ! KCONFIG_ALLCONFIG="$build/gup_pin.config" "$@" allnoconfig >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "cannot configure ${build##*/} (log: $log)"
	fi
	wrong=$(
		grep '^CONFIG_' "$build/gup_pin.config" | grep -vxFf "$build/.config" | sed 's/^/not set: /'
		sed -n 's/^# \(CONFIG_[A-Za-z0-9_]*\) is not set$/\1=y/p' "$build/gup_pin.config" |
			grep -xFf - "$build/.config" | sed 's/^/not off: /'
	) || true
	if [[ $wrong ]]; then
		printf '%s\n' "$wrong" >&2
		die "${build##*/}: Kconfig does not grant these options"
	fi
}
