#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kdump_crash.sh BZIMAGE WORDS OUT HOLD PROVOKE: run in a guest by test_kdump.py. Have
# BZIMAGE ready as crash kernel, with WORDS for kdump_init.sh on its command line; HOLD
# pins, which debugfs is to show in OUT; and crash by the hazard that PROVOKE makes.

set -eu
kernel=$1 words=$2 out=$3 hold=$4 provoke=$5
words="$words root=root rootfstype=9p ro"
words="$words rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=262144"
words="$words earlyprintk=ttyS0 console=ttyS0 mitigations=off nr_cpus=1 reset_devices panic=-1"
words="$words tsc=reliable no_timer_check gup_pin=off kunit.enable=0"
kexec -p "$kernel" --append="$words"
"$hold"
dir=/sys/kernel/debug/gup_pin
mkdir /tmp/shown
for file in stats stacks hazards refused pins; do
	# not to 9p: what is written there may itself be pinned while the rest is read
	cat $dir/$file >"/tmp/shown/$file"
done
cp /tmp/shown/* "$out"
# It drops them by a work item.
until grep -qxF "$(grep '^live_pins ' /tmp/shown/stats)" $dir/stats; do
	sleep 0.1
done
echo 1 >/proc/sys/kernel/panic_on_warn
exec "$provoke"
