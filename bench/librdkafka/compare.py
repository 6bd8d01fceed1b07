#!/usr/bin/env python3
"""compare.py: libleat beside librdkafka, against one server, in one run.

    bench/librdkafka/compare.py [--build DIR] [--pairs N] [--scale F] [--kafka HOST:PORT] [PART...]

Parts: lines, absent, threads, memory, speed (all without PART). A leatd is started on a free port. Speed is records per CPU
second of the client process, in millions, with the kernel's share of that time in parentheses; runs alternate, the ratio
libleat / librdkafka is taken pair by pair, then median and range.
--scale multiplies the numbers of records. --kafka names an Apache Kafka for what librdkafka does only there: it writes no lz4
to a broker that does not advertise FindCoordinator.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP))
SIDES = ("leat", "rdkafka")
NAMES = {"leat": "libleat", "rdkafka": "librdkafka"}
PROGRAMS = [("produce", "produce with key"), ("consume", "consume from a time"), ("loop", "event loop"),
            ("admin", "admin"), ("errors", "error handling")]
RECORDS = {100: 2_000_000, 1000: 300_000}
QUEUED = 1_000_000
PARTS = ("lines", "absent", "threads", "memory", "speed")


class Bench:
    def __init__(self, arguments):
        self.build = arguments.build
        self.pairs = arguments.pairs
        self.scale = arguments.scale
        self.kafka = arguments.kafka
        self.topics = 0

    def program(self, side, name):
        return str(self.build / "bench/librdkafka" / f"{side}_{name}")

    def count(self, records):
        return max(1000, int(records * self.scale))

    def topic(self, address):
        """A new topic of one partition whose promise is Kafka's: in the page cache when it is answered."""
        self.topics += 1
        name = f"compare-{os.getpid()}-{self.topics}"
        config = [] if address == self.kafka else ["-c", "leat.durability=memory"]
        subprocess.run([self.build / "leat", "topic", "create", name, "-p", "1", *config, "-b", address], check=True,
                       stdout=subprocess.DEVNULL)
        return name

    def drop(self, address, name):
        subprocess.run([self.build / "leat", "topic", "delete", name, "--yes", "-b", address], check=True,
                       stdout=subprocess.DEVNULL)

    def speed(self, side, work, address, topic, count, size, codec):
        done = subprocess.run([self.program(side, "speed"), work, address, topic, str(count), str(size), codec],
                              stdout=subprocess.PIPE, check=True, text=True, timeout=300)
        return json.loads(done.stdout)


# ---- lines, words ----


def code_lines(path):
    """Lines that are neither blank nor comment alone."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip())


def part_lines(_bench, _server):
    print("| program | libleat | librdkafka |\n|---|--:|--:|")
    totals = dict.fromkeys(SIDES, 0)
    for name, title in PROGRAMS:
        lines = {side: code_lines(HERE / f"{side}_{name}.c") for side in SIDES}
        totals = {side: totals[side] + lines[side] for side in SIDES}
        print(f"| {title} | {lines['leat']} | {lines['rdkafka']} |")
    print(f"| all five | {totals['leat']} | {totals['rdkafka']} |")


def part_absent(bench, _server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"  # nobody listens there
        for side in SIDES:
            begin = time.monotonic()
            done = subprocess.run([bench.program(side, "errors"), address, "t"], capture_output=True, text=True, timeout=60,
                                  check=False)
            print(f"{NAMES[side]}, after {time.monotonic() - begin:.2f} s, exit code {done.returncode}:")
            print("".join(f"    {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="")


# ---- threads, memory ----


def queue(bench, server, side, count):
    """What a producer takes before and after records are handed over that the broker, which is stopped, does not take."""
    name = bench.topic(server.address)
    with subprocess.Popen([bench.program(side, "speed"), "queue", server.address, name, str(count), "100", "none"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        before = json.loads(process.stdout.readline())
        os.kill(server.pid, signal.SIGSTOP)
        try:
            out, _ = process.communicate("\n", timeout=120)
        finally:
            os.kill(server.pid, signal.SIGCONT)
    return before, json.loads(out)


def part_threads(bench, server):
    producers = {side: queue(bench, server, side, 1000)[0]["threads"] for side in SIDES}
    consumers = {}
    name = bench.topic(server.address)
    bench.speed("leat", "produce", server.address, name, 1000, 100, "none")
    for side in SIDES:
        consumers[side] = bench.speed(side, "consume", server.address, name, 1000, 100, "none")["threads"]
    print("| threads of the process, its own included | libleat | librdkafka |\n|---|--:|--:|")
    print(f"| producer, one broker | {producers['leat']} | {producers['rdkafka']} |")
    print(f"| consumer, one broker | {consumers['leat']} | {consumers['rdkafka']} |")


def part_memory(bench, server):
    count = bench.count(QUEUED)
    print("| resident MiB | libleat | librdkafka |\n|---|--:|--:|")
    found = {side: queue(bench, server, side, count) for side in SIDES}
    for title, values in (("before", {side: found[side][0] for side in SIDES}),
                          (f"with {count} queued records of 100 B", {side: found[side][1] for side in SIDES})):
        print(f"| {title} | {values['leat']['rss_kib'] / 1024:.1f} | {values['rdkafka']['rss_kib'] / 1024:.1f} |")


# ---- speed ----


def ratios(bench, run):
    """Alternating runs: of both sides the median of records per CPU second and of the kernel's share, and the ratio of each pair."""
    rates = {side: [] for side in SIDES}
    shares = {side: [] for side in SIDES}
    for _ in range(bench.pairs):
        for side in SIDES:
            result = run(side)
            cpu = max(result["user"] + result["kernel"], 1e-6)
            rates[side].append(result["records"] / cpu)
            shares[side].append(result["kernel"] / cpu)
    each = [ours / theirs for ours, theirs in zip(rates["leat"], rates["rdkafka"])]
    cells = [f"{statistics.median(rates[side]) / 1e6:.2f} ({statistics.median(shares[side]):.0%})" for side in SIDES]
    return cells, each


def measure(bench, address, work, size, codec):
    count = bench.count(RECORDS[size])
    if work == "consume":
        name = bench.topic(address)
        bench.speed("leat", "produce", address, name, count, size, codec)

        def run(side):
            return bench.speed(side, "consume", address, name, count, size, codec)
    else:
        def run(side):
            fresh = bench.topic(address)
            try:
                return bench.speed(side, "produce", address, fresh, count, size, codec)
            finally:
                bench.drop(address, fresh)
    cells, each = ratios(bench, run)
    where = "Kafka" if address == bench.kafka else "leatd"
    print(f"| {work}, {size} B, {codec} | {where} | {cells[0]} | {cells[1]} | {statistics.median(each):.2f} "
          f"[{min(each):.2f} .. {max(each):.2f}] |", flush=True)
    if work == "consume":
        bench.drop(address, name)


def part_speed(bench, server):
    print("| load | server | libleat (in the kernel) | librdkafka (in the kernel) | ratio |\n|---|---|--:|--:|---|")
    for work in ("produce", "consume"):
        for codec in ("none", "lz4"):
            address = server.address
            if work == "produce" and codec == "lz4":
                if not bench.kafka:
                    continue
                address = bench.kafka
            for size in RECORDS:
                measure(bench, address, work, size, codec)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--kafka")
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []])
    arguments = parser.parse_args()
    os.environ["LEAT_BUILD"] = str(arguments.build.resolve())
    from tests.support.leatd import Leatd  # reads LEAT_BUILD

    if not (arguments.build / "bench/librdkafka/rdkafka_speed").exists():
        sys.exit("compare.py: not built; librdkafka-dev is needed (meson option 'compare')")
    bench = Bench(arguments)
    with Leatd() as server:
        for part in arguments.parts or PARTS:
            print(f"\n### {part}\n")
            globals()[f"part_{part}"](bench, server)


if __name__ == "__main__":
    main()
