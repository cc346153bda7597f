#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# modules.sh VERSION: build what test_findings.py loads into a kernel that Debian ships, and print
# the folder of the modules: the kernel's simulated vDPA block device, which Debian's
# configuration leaves out, and tee_sim.

source "$(dirname "$0")/../../scripts/lib.sh"

need_version "${1:-}"
version=$1
"$SCRIPTS/fetch-source" "$version" >&2
source=$(pristine_tree "$version")
suite=$(awk -v v="$version" '$1 == v { print $2 }' "$SCRIPTS/config/stock" | head -n 1)
own=$(sed -n 's/^VERSION_CODENAME="\?\([a-z]*\).*/\1/p' /etc/os-release)
if grep -q "^$version $own\$" "$SCRIPTS/config/stock"; then
	suite=$own
fi
stock=$("$SCRIPTS/fetch-stock" "$version" "$suite" generic)
compiler=()
if [[ $suite != "$own" ]]; then
	"$SCRIPTS/debian-root" "$suite-build" >/dev/null
	compiler=("$SCRIPTS/in-root" "$suite-build")
fi

here=$(dirname "$0")
build=$CACHE/module/findings-$version-$suite
lock "findings-$version"
state="$(<"$stock/release") $(sha256sum "$0" "$here/tee_sim.c")"
if [[ ! -f $build/state || $(<"$build/state") != "$state" ]]; then
	rm -rf "$build"
	mkdir -p "$build"
	cp "$source"/drivers/vdpa/vdpa_sim/vdpa_sim{.h,.c,_blk.c} "$source/drivers/vhost/vringh.c" \
		"$here/tee_sim.c" "$build"
	echo 'obj-m := vringh.o vdpa_sim.o vdpa_sim_blk.o tee_sim.o' >"$build/Kbuild"
	if ! "${compiler[@]}" make -C "$stock/build" M="$build" CONFIG_DEBUG_INFO_BTF_MODULES= modules \
		>"$build/log" 2>&1; then
		die "building the modules failed: $(why "$build/log") (log: $build/log)"
	fi
	echo "$state" >"$build/state"
fi
echo "$build"
