# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by scripts that build modules for Debian's kernels. After lib.sh.

# The Debian releases that ship a kernel of a version, in the array suites; in suite the one to
# use: this machine's own if it is among them, otherwise the first. Usage: find_suites VERSION.
find_suites() {
	mapfile -t suites < <(awk -v v="$1" '$1 == v { print $2 }' "$SCRIPTS/config/stock")
	own=$(sed -n 's/^VERSION_CODENAME="\?\([a-z]*\).*/\1/p' /etc/os-release)
	suite=${suites[0]:-}
	[[ " ${suites[*]} " != *" $own "* ]] || suite=$own
}

# The prefix for a compiler for kernels of the release $suite, in the array compiler: empty
# for this machine's own, which find_suites has found.
find_compiler() {
	compiler=()
	[[ $suite == "$own" ]] && return
	"$SCRIPTS/debian-root" "$suite-build" >/dev/null
	# shellcheck disable=SC2034 # used by the script that sources this
	compiler=("$SCRIPTS/in-root" "$suite-build")
}
