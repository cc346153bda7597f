#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# rdma-core's own programs, in a guest with rxe and siw: each works as it does without
# tracking, its memory regions are pinned while it runs, and none is left. Prints TAP.

DIR=/sys/kernel/debug/gup_pin
ADDRESS=10.99.0.1
PAGES=16 # of a message
number=0

stat() {
	sed -n "s/^$1 //p" $DIR/stats
}

pins_of() {
	grep -c " mode=w term=long api=pin_user_pages_fast .* comm=$1 " $DIR/pins
}

# The exit status of what was done decides, "ok" or "not ok".
result() {
	status=$?
	number=$((number + 1))
	if [ $status = 0 ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
	fi
}

# Until a command succeeds, for two minutes.
until_it() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || return
		sleep 0.1
	done
}

has_pins() {
	[ "$(pins_of "$1")" -gt 0 ]
}

none_left() {
	[ "$(stat live_pins)" = 0 ]
}

clean() {
	until_it none_left && [ "$(stat unmatched)" = 0 ] &&
		grep -q ' mismatches=0$' $DIR/verify
}

# A long-term pin fails while something else has a page that must be moved for it, out of CMA or
# a movable zone, and these programs try once: such memory must not exist here.
no_movable() {
	! grep -q '^CmaTotal: *[1-9]' /proc/meminfo &&
		! sed -n '/, zone *Movable$/,/^Node/ s/^ *present *//p' /proc/zoneinfo |
			grep -q '[1-9]'
}

add_device() {
	ip link add rdma-net type dummy && ip address add $ADDRESS/24 dev rdma-net &&
		ip link set rdma-net up && rdma link add "$1-test" type "$1" netdev rdma-net
}

remove_device() {
	rdma link delete "$1-test" && ip link delete rdma-net
}

# The index of the address among the device's.
gid() {
	grep -l ':ffff:0a63:0001$' "/sys/class/infiniband/$1/ports/1/gids/"* | sed 's|.*/||'
}

# Its port.
accepts() {
	ss -Hltn 'sport = :18515' | grep -q LISTEN
}

pingpong() {
	set -- -d rxe-test -g "$(gid rxe-test)" -m 1024 -s $((PAGES * 4096)) -n 200
	before=$(stat acquired)
	ibv_rc_pingpong "$@" >/tmp/server 2>&1 &
	server=$!
	until_it has_pins ibv_rc_pingpong && until_it accepts &&
		ibv_rc_pingpong "$@" localhost >/tmp/client 2>&1 && wait $server &&
		grep -q '200 iters in' /tmp/client && grep -q '200 iters in' /tmp/server &&
		[ $(($(stat acquired) - before)) = $((2 * PAGES)) ]
}

# The server has registered its memory, and waits for a client.
killed() {
	ibv_rc_pingpong -d rxe-test -g "$(gid rxe-test)" >/dev/null 2>&1 &
	server=$!
	until_it has_pins ibv_rc_pingpong && kill -9 $server
	wait $server
	[ $? = 137 ]
}

listens() {
	# The kernel's RDS listens as well.
	[ "$(rdma resource show cm_id | grep -c 'state LISTEN .*comm rping')" -gt 0 ]
}

pings() {
	before=$(stat acquired)
	rping -s -a $ADDRESS -C 50 -S 60000 >/tmp/server 2>&1 &
	server=$!
	until_it listens && rping -c -a $ADDRESS -C 50 -S 60000 -v >/tmp/client 2>&1 &&
		[ "$(grep -c 'ping data' /tmp/client)" = 50 ] && wait $server &&
		[ $(($(stat acquired) - before)) -gt 30 ]
}

tell() {
	for file in /tmp/server /tmp/client; do
		sed "s|^|# $file: |" $file
	done
}

echo "TAP version 13"
echo "1..10"
no_movable
result "no page has to be moved"
add_device rxe
result "rxe device"
pingpong || { tell; false; }
result "ibv_rc_pingpong over rxe"
clean
result "nothing is left of it"
killed
result "ibv_rc_pingpong is killed"
clean
result "nothing is left of that"
pings || { tell; false; }
result "rping over rxe"
clean && remove_device rxe
result "nothing is left of that, either"
{ add_device siw && pings; } || { tell; false; }
result "rping over siw"
clean && remove_device siw
result "nothing is left of rping"
