#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scrape.sh FOLDER QUERY: have node_exporter read FOLDER and a Prometheus scrape it, in a
# network of their own; print what the query says once there is an answer. Run by
# scripts/in-root trixie-prometheus and unshare --net.

set -euo pipefail
folder=$1 query=$2
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

ip link set lo up
cat >"$work/prometheus.yml" <<-EOF
	global: {scrape_interval: 1s}
	scrape_configs:
	- job_name: node
	  static_configs: [{targets: ["127.0.0.1:9100"]}]
EOF
prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --collector.disable-defaults \
	--collector.textfile --collector.textfile.directory="$folder" 2>"$work/exporter.log" &
pids+=($!)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
	--web.listen-address=127.0.0.1:9090 2>"$work/prometheus.log" &
pids+=($!)
for ((i = 0; i < 600; i++)); do
	answer=$(promtool query instant http://127.0.0.1:9090 "$query" 2>/dev/null || true)
	if [[ $answer ]]; then
		echo "$answer"
		exit 0
	fi
	sleep 0.2
done
cat "$work"/*.log >&2
exit 1
