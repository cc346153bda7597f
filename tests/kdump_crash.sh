#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kdump_crash.sh BZIMAGE INIT OUT VMCORE HOLD PROVOKE: run in a guest by test_kdump.py.
# Have BZIMAGE ready as crash kernel, whose INIT writes the dump OUT/VMCORE; HOLD pins;
# and crash by the hazard that PROVOKE makes.

set -eu
kernel=$1 init=$2 out=$3 vmcore=$4 hold=$5 provoke=$6
words="root=root rootfstype=9p ro init=$init kdump_out=$out kdump_file=$vmcore"
words="$words rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=262144"
words="$words console=ttyS0 mitigations=off nr_cpus=1 reset_devices panic=-1"
words="$words tsc=reliable no_timer_check gup_pin=off kunit.enable=0"
kexec -p "$kernel" --append="$words"
"$hold"
dir=/sys/kernel/debug/gup_pin
cat $dir/stacks >"$out/stacks"
cat $dir/pins >"$out/pins"
sync
echo 1 >/proc/sys/kernel/panic_on_warn
exec "$provoke"
