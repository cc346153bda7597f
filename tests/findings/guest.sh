#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh EXAMPLE [FOLDER MODULE]: run in a guest by test_findings.py: the commands of an example of
# Documentation/mm/gup_pin_findings.rst, each after a line "# COMMAND". FOLDER has the modules
# of modules.sh, MODULE is gup_pin.ko.

# What a command says is judged, not its status: grep may find nothing.
say() {
	echo "# $1"
	sh -c "$1" 2>&1 || :
}

pins=/sys/kernel/debug/gup_pin
cd "$(dirname "$0")/../.." || exit

case $1 in
trim)
	say "tests/findings/trim.py /dev/nullb0"
	say "cat $pins/orphans"
	say "cat $pins/stacks"
	say "grep MemFree /proc/meminfo"
	say "tests/findings/trim.py /dev/nullb0 50"
	say "grep MemFree /proc/meminfo"
	;;
trim_file)
	nullb=/sys/kernel/config/nullb
	[ -d $nullb ] || mount -t configfs none /sys/kernel/config || exit
	mkdir $nullb/disk && echo 1 >$nullb/disk/memory_backed && echo 64 >$nullb/disk/size &&
		echo 512 >$nullb/disk/blocksize && echo 1 >$nullb/disk/power || exit
	mkdir /tmp/disk && mkfs.ext4 -qF /dev/disk && mount /dev/disk /tmp/disk || exit
	head -c 1M /dev/zero >/tmp/disk/file && chmod 644 /tmp/disk/file && sync
	# The folders above it may be for root alone.
	cp tests/findings/trim.py /tmp && chmod 755 /tmp/trim.py
	say "setpriv --reuid 65534 --clear-groups /tmp/trim.py /tmp/disk/file"
	say "cat $pins/orphans"
	;;
lost)
	[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing
	say "echo 1 > /sys/kernel/tracing/events/gup_pin/enable"
	say "tests/findings/lost.py cpu"
	say "tests/findings/lost.py io_uring"
	say "grep -m 2 gup_pin_ /sys/kernel/tracing/trace"
	say "tests/findings/lost.py udmabuf"
	;;
stock)
	modprobe -a vhost_vdpa algif_skcipher tee || exit
	insmod "$2/vringh.ko" && insmod "$2/vdpa_sim.ko" use_va=0 && insmod "$2/vdpa_sim_blk.ko" &&
		insmod "$2/tee_sim.ko" && insmod "$3" && vdpa dev add name sim mgmtdev vdpasim_blk || exit
	say "tests/findings/vdpa.py"
	say "cat $pins/orphans"
	say "cat $pins/stacks"
	say "tests/findings/tee.py"
	say "grep comm=tee.py $pins/orphans"
	say "tests/findings/lost.py af_alg"
	modprobe -a scsi_debug sd_mod || exit
	for _ in $(seq 60); do
		[ -b /dev/sda ] && break
		sleep 1
	done
	say "tests/findings/trim.py /dev/sda"
	say "grep comm=trim.py $pins/orphans"
	;;
*)
	echo "guest.sh: no example '$1'" >&2
	exit 2
	;;
esac
