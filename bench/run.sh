#!/bin/sh
# The standard measurements of a broker, beside a peer if one is given. `./dev bench` runs it after a release build.
#
#   bench/run.sh [--peer HOST:PORT [--peer-pid PID]] [--quick] [BUILD-DIR]
#
# Starts leatd on a free port in a temporary directory, once with leat.durability=memory (Kafka's own promise: nothing is
# flushed before it is answered) and once with disk, and runs leat-bench against it. The peer's topics get
# flush.messages=1 for the disk part. Every figure is a median with its range; with a peer, ratios run by run.
set -eu

peer='' peer_pid='' quick='' build=build
while [ $# -gt 0 ]; do
	case $1 in
	--peer) peer=$2; shift ;;
	--peer-pid) peer_pid=$2; shift ;;
	--quick) quick=1 ;;
	-*) sed -n '2,10p' "$0" >&2; exit 2 ;;
	*) build=$1 ;;
	esac
	shift
done
total=256MiB fetch_total=1GiB disk_total=128MiB repeat=5 latency=2s
[ -z "$peer" ] || latency=1s # every load runs twice then
if [ -n "$quick" ]; then
	total=64MiB fetch_total=256MiB disk_total=32MiB repeat=3 latency=1s
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/leat-bench.XXXXXX")
server_pid=''
cleanup() {
	if [ -n "$server_pid" ]; then
		kill "$server_pid" 2>/dev/null || true
		wait "$server_pid" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap cleanup EXIT INT TERM

# Start on a kernel-chosen port; prints nothing, sets server_pid and address.
start() {
	mkfifo "$dir/ready"
	"$build/leatd" --data "$dir/data" --set listeners=PLAINTEXT://127.0.0.1:0 --set http.listeners= \
		--ready-fd 3 3>"$dir/ready" 2>"$dir/leatd.log" &
	server_pid=$!
	ready=$(head -n 1 "$dir/ready")
	rm "$dir/ready"
	address=$(printf '%s' "$ready" | sed -n 's/.*"kafka":\["\([^"]*\)".*/\1/p')
	[ -n "$address" ] || { cat "$dir/leatd.log" >&2; exit 1; }
}

# bench TITLE ARGS...: one load by raw, the summary lines only. measure MODE TITLE ARGS...: likewise in another mode.
bench() {
	measure raw "$@"
}
measure() {
	mode=$1 title=$2
	shift 2
	printf '\n### %s\n' "$title"
	[ -z "$peer" ] || set -- "$@" --peer "$peer" ${peer_pid:+--peer-pid "$peer_pid"}
	"$build/leat-bench" "$mode" -q -b "$address" --server-pid "$server_pid" --repeat "$repeat" --warmup 500ms "$@" >"$dir/out" || {
		cat "$dir/out"
		return 1
	}
	sed -n '/^==/,$p' "$dir/out"
}

begin=$(date +%s%N)
start
end=$(date +%s%N)
printf '### start to first answer: %s ms (empty directory, exec included); resident idle: %s KiB\n' \
	$(((end - begin) / 1000000)) "$(awk '/^VmRSS/{print $2}' "/proc/$server_pid/status")"

memory=leat.durability=memory
[ -z "$peer" ] || memory=flush.messages=9223372036854775807,retention.ms=604800000
topic_memory() { # leat's own key is unknown to a peer, so the topics are made one by one
	"$build/leat-bench" raw -q -b "$address" -t "$1" --create 1,leat.durability=memory --work produce --batch 1 \
		--total 1 --warmup 0 --repeat 1 >/dev/null
}
for batch in 16KiB 64KiB 1000KiB; do
	topic_memory "memory-$batch"
	bench "produce, $batch batches, memory" -t "memory-$batch" --create "1,$memory" --work produce --batch "$batch" --total "$total" \
		--warmup 200ms --warm-memory 1GiB
done
bench 'fetch from page cache, 1 MiB per request' -t memory-64KiB --create "1,$memory" --work fetch --total "$fetch_total"
topic_memory memory-one
bench 'one 100 B record per request, one connection, memory' -t memory-one --create "1,$memory" --work produce --batch 1 \
	--inflight 1 --duration "$latency"
bench 'one 100 B record per request, 64 connections, memory' -t memory-one --create "1,$memory" --work produce --batch 1 \
	--inflight 1 --clients 64 --duration "$latency"
topic_memory memory-e2e
measure e2e 'end to end, 1000 records/s of 100 B, open loop, memory' -t memory-e2e --create "1,$memory" --throughput 1000 --linger 0 \
	--duration 1s --repeat 3
disk=flush.messages=1
bench 'produce, 64 KiB batches, disk' -t disk-64KiB --create "1,$disk" --work produce --batch 64KiB --total "$disk_total" \
	--warmup 200ms --warm-memory 1GiB
bench 'one 100 B record per request, one connection, disk' -t disk-one --create "1,$disk" --work produce --batch 1 \
	--inflight 1 --duration "$latency"
bench 'one 100 B record per request, 64 connections, disk' -t disk-one --create "1,$disk" --work produce --batch 1 \
	--inflight 1 --clients 64 --duration "$latency"
measure e2e 'end to end, 1000 records/s of 100 B, open loop, disk' -t disk-e2e --create "1,$disk" --throughput 1000 --linger 0 \
	--duration 1s --repeat 3
printf '\n### every record there, in order, once, unchanged\n'
"$build/leat-bench" verify -q -b "$address" -t verified --create 4 -n 200000 >"$dir/out" || {
	cat "$dir/out"
	exit 1
}
grep verified "$dir/out"
