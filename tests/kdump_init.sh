#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The init of the crash kernel that kdump_crash.sh loads: have makedumpfile write the
# memory of the kernel that crashed, and end the guest. From the kernel's command line
# are $kdump_out, a folder of the host's; $kdump_file, the dump in it; $kdump_level, what
# to leave out; and $kdump_root, the Debian whose makedumpfile is to do it.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
end() {
	echo "kdump_init: $*"
	echo b >/proc/sysrq-trigger
	exec sleep infinity
}

mount -n -t proc proc /proc
# shellcheck disable=SC2154 # from the kernel's command line
out=$kdump_out file=$kdump_file level=$kdump_level root=$kdump_root
# The root is read-only, and makedumpfile wants a place for a small file.
if ! mount -n -t tmpfs tmpfs /tmp || ! mkdir -p "$out"; then
	end "cannot make $out"
fi
mount -n -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=262144 out "$out" ||
	end "cannot mount $out"
mount --bind "$root/etc/ld.so.cache" /etc/ld.so.cache || end "cannot use $root"
mount --rbind "$root/usr" /usr || end "cannot use $root"
makedumpfile -c -d "$level" /proc/vmcore "$out/$file" >"$out/makedumpfile.log" 2>&1
status=$?
sync
end "makedumpfile ended with $status"
