#!/bin/sh
# metrics.sh: the HTTP endpoint as Prometheus and a load balancer see it.
#
# usage: metrics.sh BUILD    starts BUILD/leatd on free ports, sends it records with kcat, asks promtool about the text.
set -eu

build=$1
dir=$(mktemp -d)
pid=

cleanup()
{
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

fail()
{
    echo "metrics.sh: $*" >&2
    sed 's/^/    /' "$dir/log" >&2
    exit 1
}

# address KIND: the first address of "KIND":["host:port",...] in the line that leatd wrote when it was ready.
address()
{
    sed -n "s/.*\"$1\":\[\"\([^\"]*\)\".*/\1/p" "$dir/line"
}

mkfifo "$dir/ready"
"$build/leatd" --data "$dir/data" --set listeners=PLAINTEXT://127.0.0.1:0 \
    --set http.listeners=http://127.0.0.1:0 --ready-fd 3 3>"$dir/ready" 2>"$dir/log" &
pid=$!
# The read ends when leatd has written or has died.
cat "$dir/ready" >"$dir/line"
kafka=$(address kafka)
http=$(address http)
[ -n "$kafka" ] || fail "leatd did not start"
[ -n "$http" ] || fail "leatd names no HTTP address: $(cat "$dir/line")"

printf 'one\ntwo\nthree\n' | kcat -P -b "$kafka" -t metrics-test -p 0
kcat -C -b "$kafka" -t metrics-test -o beginning -c 3 -q >"$dir/records"
[ "$(wc -l <"$dir/records")" -eq 3 ] || fail "kcat read $(wc -l <"$dir/records") of 3 records"

for path in livez readyz healthy ready status/ready; do
    status=$(curl -s -o "$dir/body" -w '%{http_code}' "http://$http/$path")
    [ "$status" = 200 ] || fail "/$path answers $status: $(cat "$dir/body")"
done
status=$(curl -s -o "$dir/body" -w '%{http_code}' "http://$http/nothing-here")
[ "$status" = 404 ] || fail "an unknown path answers $status"

curl -s -f "http://$http/metrics" >"$dir/metrics" || fail "/metrics does not answer"
promtool check metrics <"$dir/metrics" || fail "promtool does not like the text"
for series in 'leat_records_in_total{topic="metrics-test"} 3' 'leat_log_end_offset{topic="metrics-test",partition="0"} 3' \
    'leat_build_info{' 'leat_requests_total{' 'leat_partitions ' 'process_resident_memory_bytes ' 'process_cpu_seconds_total '; do
    grep -qF "$series" "$dir/metrics" || {
        cat "$dir/metrics" >&2
        fail "not in the text: $series"
    }
done
echo "metrics: $(grep -c '^[a-z]' "$dir/metrics") series, promtool is content"
