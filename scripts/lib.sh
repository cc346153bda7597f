# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this
# Shared by the scripts: paths, supported versions, messages.

set -euo pipefail
export LC_ALL=C.UTF-8

# The help of a script is the comment at its beginning.
if [[ ${1:-} =~ ^(-h|--help)$ ]]; then
	sed -n '3,/^$/s/^# \?//p' "$0"
	exit
fi

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SCRIPTS=$PROJECT/scripts
CACHE=${GUP_PIN_CACHE:-$HOME/.cache/gup-pin}
if [[ $CACHE != /* ]]; then
	CACHE=$PWD/$CACHE
fi
mapfile -t VERSIONS < <(grep -v '^#' "$SCRIPTS/config/versions")
DEFAULT_VERSION=${VERSIONS[0]}

# stdout belongs to results: everything for the user goes to stderr.
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$*"
	exit 2
}

# A headline in a longer output.
step() {
	printf '\n=== %s\n\n' "$*"
}

# Announce the work before it begins: $1 what it is; $2 and $3, how long it takes the
# first time and later; $4, the GB it then needs. $5 is a file that exists if it is not
# the first time.
announce() {
	local free place=$CACHE
	say "$1"
	if [[ -e $5 ]]; then
		say "takes about $3, or longer if sources have changed: what was built is kept in $CACHE"
		return
	fi
	while [[ ! -d $place ]]; do
		place=$(dirname "$place")
	done
	free=$(df --output=avail -BG "$place" | tail -n 1 | tr -dc 0-9)
	say "the first time it takes about $2 on two cores, and $4 GB of the $free GB that are free for $CACHE;" \
		"it installs Debian packages. Ctrl-C stops it, and the next start goes on from there"
	if ((free < $4)) && [[ ! -d $CACHE/src ]]; then
		die "not enough room for $CACHE: $free GB are free, $4 GB are needed (GUP_PIN_CACHE names another place)"
	fi
}

# The message after Ctrl-C.
interrupted() {
	local job
	trap - INT TERM
	for job in $(jobs -p); do
		kill -INT -- "-$job" 2>/dev/null || true
	done
	say "stopped; what is done is kept, and the next start goes on from there"
	exit 130
}

# The reason of a failure, in one line, from the log $1.
why() {
	local proxy=
	if grep -qsE 'No space left on device|enough free space|[Dd]isk quota exceeded' "$1"; then
		echo "a disk is full: $(df -h --output=avail,target / "$CACHE" | tail -n +2 | sort -u |
			awk '{ printf "%s%s left on %s", sep, $1, $2; sep = ", " }')"
	elif grep -qsE 'Could not (resolve|connect)|Temporary failure|Unable to connect|Cannot initiate' "$1" ||
		grep -qsE 'Connection (timed out|refused)|(Network|Host) is unreachable|No route to host' "$1" ||
		grep -qsE 'Proxy Authentication Required' "$1"; then
		if command -v apt-config >/dev/null; then
			eval "$(apt-config shell proxy Acquire::http::Proxy)"
		fi
		proxy=${proxy:-${http_proxy:-${https_proxy:-}}}
		echo "no network${proxy:+, or no answer from the proxy $proxy}: $(grep -sE '^(E|Err|W).*' "$1" | head -n 1)"
	else
		grep -sE '^E:|[Ee]rror' "$1" | tail -n 1 | grep . || tail -n 1 "$1"
	fi
}

need_version() {
	local version
	for version in "${VERSIONS[@]}"; do
		if [[ $version == "${1:-}" ]]; then
			return
		fi
	done
	usage_error "kernel '${1:-}' is not supported, only ${VERSIONS[*]}"
}

# Wait for the lock NAME: two runs at once must not make the same thing. It is
# held to the end of the script, and not inherited by its children.
lock() {
	mkdir -p "$CACHE/lock"
	exec {LOCK_FD}>"$CACHE/lock/$1"
	if ! flock -n "$LOCK_FD"; then
		say "waiting for another run that holds $CACHE/lock/$1"
		flock "$LOCK_FD"
	fi
}

pristine_tree() {
	echo "$CACHE/src/linux-$1"
}

applied_tree() {
	echo "$CACHE/src/linux-$1-gup_pin"
}
