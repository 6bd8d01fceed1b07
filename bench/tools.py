"""leat beside kcat and Kafka's console tools, against one server: time to the first record, produce from a file, cat to a
file, following.

    python3 -m bench.tools [start|produce|cat|follow ...] [--records N] [--size BYTES] [--pairs N] [--bootstrap HOST:PORT]

Without --bootstrap a leatd is started, with leat.durability=memory, so that the disk is not what is measured. The tools run in
turn (A B C A B C ...; follow without Kafka's); each figure is the median over the pairs with its range; CPU seconds and largest resident memory are
of the process alone, read from the kernel. kcat is skipped where it is not installed, Kafka's tools without JDK and Maven.
LEAT_BUILD names the build directory (default: build).
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tests.compat import kafka  # noqa: E402
from tests.support.leatd import BUILD, Leatd  # noqa: E402

LEAT = str(BUILD / "leat")
CONSOLE = "org.apache.kafka.tools.consumer.ConsoleConsumer"
BUFFER = 4096
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"


class Run:
    """One process: seconds of wall clock, CPU seconds, MiB."""

    def __init__(self, command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        self.begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
        self.memory = 0.0
        self.sampler = threading.Thread(target=self.sample, daemon=True)
        self.sampler.start()

    def sample(self):
        """Largest resident size, looked at every ms; ru_maxrss would count the Python that the process was forked from."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status")
        with contextlib.suppress(OSError, AttributeError, ProcessLookupError):
            while True:
                self.memory = int(re.search(r"VmHWM:\s+(\d+)", status.read_text()).group(1)) / 1024
                time.sleep(0.001)

    def end(self, wall=None):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - self.begin if wall is None else wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.sampler.join()
        return self


def tools():
    found = ["leat"]
    found += ["kcat"] if shutil.which("kcat") else []
    return found + (["kafka"] if kafka.available() else [])


class Bench:
    def __init__(self, address, records, size, directory):
        self.address, self.records, self.directory = address, records, pathlib.Path(directory)
        self.numbers = iter(range(1_000_000))
        self.input = self.directory / "input"
        with open(self.input, "w") as out:
            for first in range(0, records, 10000):
                out.write("".join(f"{i:0{size - 1}d}\n" for i in range(first, min(first + 10000, records))))
        self.full = None

    def topic(self):
        name = f"bench-{os.getpid()}-{next(self.numbers)}"
        subprocess.run([LEAT, "-b", self.address, "topic", "create", name, "-p", "1"], check=True, stdout=subprocess.DEVNULL)
        return name

    def filled(self):
        if self.full is None:
            self.full = self.topic()
            subprocess.run([LEAT, "-b", self.address, "produce", self.full, self.input, "-q"], check=True)
        return self.full

    def reader(self, tool, topic, count, follow=False):
        if tool == "leat":
            return [LEAT, "-b", self.address, "consume" if follow else "cat", topic]
        if tool == "kcat":
            return ["kcat", "-b", self.address, "-C", "-t", topic, "-o", "beginning", "-q"] + ([] if follow else ["-e"])
        return kafka.command(CONSOLE, "--bootstrap-server", self.address, "--topic", topic, "--partition", "0",
                             "--offset", "earliest", *([] if follow else ["--max-messages", str(count)]), heap="512m")

    def start(self, tool):
        """A topic with one record: from exec to that record on stdout."""
        topic = self.topic()
        subprocess.run([LEAT, "-b", self.address, "produce", topic, "--value", "x", "-q"], check=True)
        unbuffered = ["-u"] if tool == "kcat" else []  # its stdio would keep the record until the end
        run = Run(self.reader(tool, topic, 1) + unbuffered, stdout=subprocess.PIPE)
        assert run.process.stdout.readline() == b"x\n"
        wall = time.monotonic() - run.begin
        run.process.stdout.close()
        return run.end(wall)

    def produce(self, tool):
        topic = self.topic()
        with open(self.input, "rb") as lines:
            if tool == "leat":
                run = Run([LEAT, "-b", self.address, "produce", topic], stdin=lines)
            elif tool == "kcat":
                run = Run(["kcat", "-b", self.address, "-P", "-t", topic, "-l", self.input])
            else:
                run = Run(kafka.command(PRODUCER, "--bootstrap-server", self.address, "--topic", topic,
                                        "--command-property", "enable.idempotence=false", heap="512m"), stdin=lines)
            run.end()
        self.check(topic, run)
        return run

    def check(self, topic, run):
        offsets = subprocess.run([LEAT, "-b", self.address, "topic", "offsets", topic, "--format", "csv", "--no-headers"],
                                 check=True, capture_output=True, text=True).stdout
        assert f",{self.records}," in offsets and run.process.returncode == 0, (offsets, run.process.args)

    def cat(self, tool):
        output = self.directory / "output"
        topic = self.filled()
        with open(output, "wb") as out:
            run = Run(self.reader(tool, topic, self.records), stdout=out).end()
        assert output.stat().st_size == self.input.stat().st_size
        return run

    def follow(self, tool):
        """The reader waits at the end; from the start of `leat produce` until it has printed what came.

        kcat leaves up to 4 KiB in its buffer until it ends, so the first line fills that, and the last 4 KiB do not count.
        """
        topic = self.topic()
        run = Run(self.reader(tool, topic, 0, follow=True), stdout=subprocess.PIPE)
        subprocess.run([LEAT, "-b", self.address, "produce", topic, "--value", "r" * (4 * BUFFER - 1), "-q"], check=True)
        pipe = run.process.stdout
        assert len(pipe.read(2 * BUFFER)) == 2 * BUFFER
        begin = time.monotonic()
        feeder = subprocess.Popen([LEAT, "-b", self.address, "produce", topic, self.input, "-q"])
        left = self.input.stat().st_size + 2 * BUFFER
        while left > BUFFER:
            left -= len(pipe.read1(1 << 20))
        wall = time.monotonic() - begin
        feeder.wait()
        run.process.terminate()
        pipe.close()
        return run.end(wall)


def figure(values, digits):
    return f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f} .. {max(values):,.{digits}f}]"


def measure(bench, mode, pairs):
    runs = {tool: [] for tool in tools() if (tool, mode) != ("kafka", "follow")}
    for _ in range(pairs):
        for tool, list_of_runs in runs.items():
            list_of_runs.append(getattr(bench, mode)(tool))
    for tool, of in runs.items():
        rate = "" if mode == "start" else f" {figure([bench.records / r.wall / 1000 for r in of], 0)} |"
        wall = f" {figure([r.wall * 1000 for r in of], 0)} |" if mode == "start" else ""
        ratio = figure([theirs.wall / ours.wall for theirs, ours in zip(of, runs["leat"])], 1) if tool != "leat" else "1"
        print(f"| {mode} | {tool} |{rate}{wall} {figure([r.cpu for r in of], 2)} | {figure([r.memory for r in of], 0)} | {ratio} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="*", default=["start", "produce", "cat", "follow"])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--bootstrap")
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="leat-tools-")
    server = None if args.bootstrap else Leatd({"leat.durability": "memory"})
    try:
        bench = Bench(args.bootstrap or server.address, args.records, args.size, directory)
        for mode in args.modes:
            unit = "ms to the first record" if mode == "start" else "1000 records/s"
            print(f"\n| | tool | {unit} | CPU s | MiB | times leat's time |\n|---|---|--:|--:|--:|--:|")
            measure(bench, mode, args.pairs)
    finally:
        if server:
            server.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
