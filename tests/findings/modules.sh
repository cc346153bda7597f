#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# modules.sh VERSION: build what test_findings.py loads into a kernel that Debian ships, and print
# the folder of the modules: tee_sim, and the simulated vDPA block device of scripts/drivers.

source "$(dirname "$0")/../../scripts/lib.sh"
source "$(dirname "$0")/../../scripts/stock.sh"

need_version "${1:-}"
version=$1
find_suites "$version"
drivers=$("$SCRIPTS/drivers" "$version")
stock=$("$SCRIPTS/fetch-stock" "$version" "$suite" generic)
find_compiler

here=$(dirname "$0")
build=$CACHE/module/findings-$version-$suite
lock "findings-$version"
state="$(<"$drivers/state") $(sha256sum "$0" "$here/tee_sim.c")"
if [[ ! -f $build/state || $(<"$build/state") != "$state" ]]; then
	rm -rf "$build"
	mkdir -p "$build"
	cp "$drivers"/{vringh,vdpa_sim/vdpa_sim,vdpa_sim/vdpa_sim_blk}.ko "$here/tee_sim.c" "$build"
	echo 'obj-m := tee_sim.o' >"$build/Kbuild"
	if ! "${compiler[@]}" make -C "$stock/build" M="$build" CONFIG_DEBUG_INFO_BTF_MODULES= modules \
		>"$build/log" 2>&1; then
		die "building tee_sim failed: $(why "$build/log") (log: $build/log)"
	fi
	echo "$state" >"$build/state"
fi
echo "$build"
