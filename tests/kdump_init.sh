#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The init of the crash kernel that kdump_crash.sh loads: have makedumpfile write the
# memory of the kernel that crashed, and end the guest. $kdump_out and $kdump_file are
# from the kernel's command line; $kdump_level too, if another one is wanted.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
end() {
	echo "kdump_init: $*"
	echo b >/proc/sysrq-trigger
	exec sleep infinity
}

mount -n -t proc proc /proc
# shellcheck disable=SC2154 # from the kernel's command line
out=$kdump_out file=$kdump_file
mount -n -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=262144 out "$out" ||
	end "cannot mount $out"
makedumpfile -c -d "${kdump_level:-31}" /proc/vmcore "$out/$file" >"$out/makedumpfile.log" 2>&1
status=$?
sync
end "makedumpfile ended with $status"
