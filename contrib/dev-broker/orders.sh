#!/bin/sh
# orders.sh: a broker for a shell script: starts when the line can be read, ends with the script.
set -eu
leat=${LEAT:-leat}

work=$(mktemp -d)
broker_pid=
finish()
{
    [ -z "$broker_pid" ] || kill "$broker_pid" 2>/dev/null || true
    [ -z "$broker_pid" ] || wait "$broker_pid" || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkfifo "$work/ready"
"$leat" dev --port 0 --http-port 0 --topic orders:1 --ready-fd 3 3>"$work/ready" >"$work/line" &
broker_pid=$!
read -r ready <"$work/ready" || { echo "no broker" >&2; exit 1; }
LEAT_BOOTSTRAP_SERVERS=$(printf '%s\n' "$ready" | sed 's/.*"kafka":\["\([^"]*\)".*/\1/')
export LEAT_BOOTSTRAP_SERVERS # all commands below find it there

echo '{"id":42}' | "$leat" produce orders -q -k ord-42
[ "$("$leat" cat orders -f '%k %v\n')" = 'ord-42 {"id":42}' ]
echo "orders.sh: the record came back"
