# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The files to check; for the programs in this folder.

# All files that git tracks or would track: checked before they are committed.
sources() {
	git ls-files -co --exclude-standard | while read -r file; do
		if [[ -f $file ]]; then
			echo "$file"
		fi
	done
}

# Scripts whose first line names one of the interpreters $1 (a|b), and files with the
# suffix $2.
scripts_in() {
	local file line
	sources | while read -r file; do
		if [[ $file == *.$2 ]]; then
			echo "$file"
		elif read -r line <"$file" && [[ $line =~ ^\#!.*/($1)$ ]]; then
			echo "$file"
		fi
	done 2>/dev/null
}
