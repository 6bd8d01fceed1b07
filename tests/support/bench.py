"""leat-bench for tests: run it, read what it prints.

PRODUCER_LINE and CONSUMER_LINES are what kafka-producer-perf-test.sh and kafka-consumer-perf-test.sh of Kafka 4.3.1 print;
tests/compat holds both tools against the same expressions.
"""

import json
import os
import re
import subprocess

from tests.support.leatd import BUILD

PRODUCER_LINE = re.compile(
    r"^(?P<records>\d+) records sent, \d+\.\d{6} records/sec \(\d+\.\d\d MB/sec\), \d+\.\d\d ms avg latency, "
    r"\d+\.\d\d ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.$", re.M)
CONSUMER_LINES = re.compile(
    r"^start\.time, end\.time, data\.consumed\.in\.MB, MB\.sec, data\.consumed\.in\.nMsg, nMsg\.sec, rebalance\.time\.ms, "
    r"fetch\.time\.ms, fetch\.MB\.sec, fetch\.nMsg\.sec\n"
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}, \d+\.\d{4}, \d+\.\d{4}, (?P<records>\d+), "
    r"\d+\.\d{4}, \d+, \d+, \d+\.\d{4}, \d+\.\d{4}$", re.M)


def environ(**changes):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_")}
    env.update(changes, HOME="/proc/nonexistent")
    return env


def command(address, mode, *args):
    return [str(BUILD / "leat-bench"), mode, *(["-b", address] if address else []), *args]


def bench(address, mode, *args, status=0, env=None):
    """Run to the end; the exit code must be `status`."""
    done = subprocess.run(command(address, mode, *args), capture_output=True, text=True, timeout=60, check=False,
                          env=env or environ())
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def bench_json(address, mode, *args, status=0):
    return json.loads(bench(address, mode, "--json", *args, status=status).stdout)


def start(address, mode, *args):
    """Start it in the background; its stderr tells a line every second."""
    return subprocess.Popen(command(address, mode, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ())
