#!/bin/sh
# run.sh: shows the main job on this machine's own data, in under a minute. Called by ./dev run; or: run.sh BUILD-DIR
#
# Every step checks what it says; the exit code is 0 only if all of them held.
set -eu
build=${1:?usage: run.sh BUILD-DIR}
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/leat-demo.XXXXXX")
topic=events
server=
step=0

cleanup()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title()
{
    step=$((step + 1))
    printf '\n== %d. %s\n' "$step" "$*"
}

fail()
{
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# Start leatd on a port that the kernel chooses; sets $server and $address.
start()
{
    rm -f "$work/ready"
    mkfifo "$work/ready"
    "$build/leatd" --data "$work/data" --set listeners=PLAINTEXT://127.0.0.1:0 --set http.listeners= \
        --ready-fd 3 3>"$work/ready" 2>>"$work/log" &
    server=$!
    line=
    read -r line <"$work/ready" || { cat "$work/log"; fail "leatd did not start"; }
    address=$(printf '%s\n' "$line" | sed -n 's/.*"kafka":\["\([^"]*\)".*/\1/p')
    [ -n "$address" ] || fail "leatd did not say where it listens"
    echo "leatd answers at $address, data in $work/data"
}

demo()
{
    name=$1
    shift
    "$build/contrib/demo/demo_$name" "$@"
}

# Event lines: this machine's package history, or what the repository's history did to its files.
events_from_git()
{
    git -C "$here" -c safe.directory="$here" log --reverse --no-renames --name-status \
        --date=format:'%Y-%m-%d %H:%M:%S' --format='@%cd %h' |
        awk '/^@/ { when = substr($1, 2) " " $2; commit = $3 } /^[AMD]\t/ { print when, $1, $2, commit }'
}

title "Start a server in a temporary folder"
start

if [ -s /var/log/dpkg.log ]; then
    # Oldest file first: dpkg.log.12.gz ... dpkg.log.1, dpkg.log
    files=$(find /var/log -maxdepth 1 -name 'dpkg.log*' -size +0 | sort -t. -k3,3nr | tr '\n' ' ')
    title "Stream the package history of this machine into a topic of 4 partitions"
    echo "from $files: one line is one record, its key is the package, its timestamp the event's own time"
    # shellcheck disable=SC2086 # several files
    demo feed "$address" $topic $files >"$work/sent" || fail "not everything was stored"
    awk '$3 == "status" && NF >= 5 { sub(/:.*/, "", $5); print $1, $2, $5 }' /var/log/dpkg.log >"$work/events"
else
    title "Stream the history of this repository into a topic of 4 partitions"
    echo "one changed file is one record, its key is the path, its timestamp the commit's time"
    events_from_git >"$work/events"
    demo feed "$address" $topic "$work/events" >"$work/sent" || fail "not everything was stored"
    awk '{ print $1, $2, $4 }' "$work/events" >"$work/keys"
    mv "$work/keys" "$work/events"
fi
# The key with most events, and the time of the event in the middle.
key=$(awk '{ print $3 }' "$work/events" | sort | uniq -c | sort -k1,1nr | awk 'NR == 1 { print $2 }')
when=$(awk '{ line[NR] = $1 " " $2 } END { print line[int((NR + 1) / 2)] }' "$work/events")
cat "$work/sent"

title "Read it all back, with another program"
demo readback "$address" $topic all >"$work/read" || fail "reading"
cat "$work/read"
cmp "$work/sent" "$work/read" || fail "what was read is not what was acknowledged"
echo "the same counts and checksums: nothing lost, doubled, reordered or changed"

title "Replay the history of one key: $key"
demo readback "$address" $topic key "$key" || fail "the history of $key"

count=$(awk '$1 == 0 { print $2 }' "$work/read")
title "Replay partition 0 from the middle, offset $((count / 2))"
demo readback "$address" $topic offset 0 $((count / 2)) || fail "reading from an offset"

title "Replay from a point in time: $when"
demo readback "$address" $topic time "$when" || fail "reading from a time"

title "Stop the server with kill -9, start it again, count again"
kill -9 "$server"
wait "$server" 2>/dev/null || true
start
demo readback "$address" $topic all >"$work/after" || fail "reading after the crash"
cat "$work/after"
cmp "$work/read" "$work/after" || fail "something is missing or changed after the crash"
echo "every record is still there"

title "Ten seconds of load: records of 100 bytes, acknowledged when they are on disk"
"$build/leat-bench" produce -b "$address" --topic load --create 4 --record-size 100 --num-records 1000000000 \
    --duration 9 --warmup 1 --repeat 1 --server-pid "$server" || fail "leat-bench"

kill "$server"
wait "$server" || fail "leatd did not stop cleanly"
server=
cat <<END

Everything held. What next:

  $build/leatd --data ./leat-data                        a server for keeps, on 127.0.0.1:9092
  echo hello | $build/leat produce greetings             a record in
  $build/leat cat greetings                              and out again
  kcat -b 127.0.0.1:9092 -C -t greetings -o beginning -e    or with any Kafka client

README.md goes on from here.
END
