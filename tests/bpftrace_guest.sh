#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpftrace_guest.sh: tools/mm/gup_pin.bt in a guest, on a program that keeps four pins and on
# one that keeps none; prints what it prints.

set -euo pipefail
here=$(dirname "$0")
modprobe brd rd_nr=1
bpftrace "$here/../tools/mm/gup_pin.bt" >/tmp/out 2>&1 &
bpftrace=$!
# It prints the time every ten seconds, from when it has attached all probes.
times() {
	grep -cE '^[0-9:]{8}$' /tmp/out || true
}
wait_for() {
	until (($(times) >= $1)); do
		kill -0 $bpftrace 2>/dev/null || break
		sleep 1
	done
}
wait_for 1
dd if=/dev/ram0 of=/dev/null bs=64k count=20 iflag=direct 2>/dev/null
touch /tmp/buffer
mkfifo /tmp/said
"$here/../scripts/try-load" buffer /tmp/buffer >/tmp/said &
read -r word </tmp/said
[[ $word == ready ]]
wait_for $(($(times) + 1))
kill -INT $bpftrace
wait $bpftrace || true
cat /tmp/out
