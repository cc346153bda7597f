# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Compiling our files in a kernel tree; for programs in this folder that have sourced lib.sh.

export CCACHE_DIR=$CACHE/ccache CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1

# fresh_objects BUILD: the objects of the C files in stdin, to be made anew: only compiling a
# file prints its warnings.
fresh_objects() {
	local file
	while read -r file; do
		rm -f "$1/${file%.c}.o"
		echo "${file%.c}.o"
	done
}

# The C files that the patch of VERSION changes.
hooked_files() {
	sed -n 's/^+++ b\/\([^\t]*\.c\).*/\1/p' "$PROJECT/patches/$1.patch"
}

# FILE LINE of each line that the patch of VERSION brings into a file of TREE.
lines_of_ours() {
	local version=$1 tree=$2 file
	echo "none 0" # never empty, or awk would take the log for this
	while read -r file; do
		diff --unchanged-line-format= --old-line-format= --new-line-format="$file %dn%c'\012'" \
			"$(pristine_tree "$version")/$file" "$tree/$file" || true
	done < <(hooked_files "$version")
}

# findings VERSION TREE LOG: what in a log names a file of ours, or a line of ours in one of the
# kernel's: what the rest of the kernel's code has to complain of is not ours to mend.
findings() {
	awk -v tree="$2/" '
		NR == FNR { ours[$1 ":" $2]; next }
		match($0, /[^ ]+\.[ch]:[0-9]+(:[0-9]+)?: /) {
			place = substr($0, RSTART, RLENGTH)
			if (index(place, tree) == 1)
				place = substr(place, length(tree) + 1)
			split(place, part, ":")
			if (part[1] ~ /gup_pin/ || ((part[1] ":" part[2]) in ours))
				print
		}' <(lines_of_ours "$1" "$2") "$3"
}
