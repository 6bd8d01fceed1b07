#!/usr/bin/python3
"""kill -9 and power cuts against a running leatd, over the wire.

  server_crash.py DATA [--kind kill|cut] [--rounds N] [--seed S] [--early-acks]

Each round: producers and a consumer work against the server until it dies (SIGKILL at a random moment; or, with `cut`,
leatd_faults loses at a random file call everything that was not flushed). Then it is started again on the same data and
every partition is read from its beginning:

  - every batch that was acknowledged (acks=all; with `kill` acks=1 too) is at its offset with the same bytes
  - every batch that the consumer saw is, too
  - offsets have no gap
  - the leader epoch never falls

Exit code 0: all promises kept; 3: one was broken (printed); 1: the test itself failed. --early-acks makes leatd_faults
acknowledge before the flush: the check must then find the loss. LEAT_BUILD: where the programs are.
"""
import argparse
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import wire  # noqa: E402
from tests.support.leatd import Leatd  # noqa: E402

PARTITIONS = 3
BROKEN = 3
CUT_EXIT = 77
IN_FLIGHT = 4
READY_SECONDS = 10


class Broken(Exception):
    pass


class Promises:
    """What the server may not take back: {(topic, partition): {base offset: (digest, why)}}."""

    def __init__(self):
        self.lock = threading.Lock()
        self.batches = {}
        self.acked = 0
        self.seen = 0

    def add(self, topic, partition, base_offset, digest, why):
        with self.lock:
            known = self.batches.setdefault((topic, partition), {})
            if known.setdefault(base_offset, (digest, why))[0] != digest:
                raise Broken(f"{topic}-{partition}: offset {base_offset} has two contents")
            self.acked += why == "acked"
            self.seen += why == "seen"


def make_batch(rng, name, number):
    value = f"{name}:{number}:".encode() + b"x" * rng.randrange(400)
    records = [wire.Record(value + b"%d" % i, key=b"k%d" % rng.randrange(50), timestamp=1700000000000 + number)
               for i in range(1 + rng.randrange(3))]
    return wire.build_batch(records)


def produce(server, topics, acks, promises, seed, failures):
    """Several requests in flight on one connection, until it breaks."""
    rng = random.Random(seed)
    waiting = []
    try:
        with wire.Connection(server.host, server.port) as conn:
            for number in range(1 << 30):
                topic, partition = rng.choice(topics), rng.randrange(PARTITIONS)
                batch = make_batch(rng, seed, number)
                correlation = conn.send_produce(topic, partition, batch, acks)
                waiting.append((correlation, topic, partition, wire.digest_of(batch)))
                if len(waiting) == IN_FLIGHT:
                    take_answer(conn, waiting.pop(0), promises)
    except OSError:
        pass  # the server is gone
    except Exception as error:  # pylint: disable=broad-except
        failures.append(error)


def take_answer(conn, sent, promises):
    correlation, topic, partition, digest = sent
    answer = conn.receive_produce(correlation)
    if answer.error == wire.NONE:
        promises.add(topic, partition, answer.base_offset, digest, "acked")


def consume(server, topics, promises, failures):
    """Reads the ends of all partitions as they grow, until the connection breaks."""
    try:
        with wire.Connection(server.host, server.port) as conn:
            places = [(topic, partition) for topic in topics for partition in range(PARTITIONS)]
            offsets = {place: conn.list_offsets(*place, wire.LATEST).offset for place in places}
            while True:
                for place in places:
                    answer = conn.fetch(*place, offsets[place], max_wait_ms=2, min_bytes=1)
                    for batch in answer.batches():
                        promises.add(*place, batch.base_offset, batch.digest, "seen")
                        offsets[place] = batch.last_offset + 1
    except OSError:
        pass
    except Exception as error:  # pylint: disable=broad-except
        failures.append(error)


def read_all(conn, topic, partition):
    """{base offset: digest} of a whole partition; offsets must have no gap."""
    end = conn.list_offsets(topic, partition, wire.LATEST).offset
    found = {}
    offset = 0
    while offset < end:
        answer = conn.fetch(topic, partition, offset)
        batches = answer.batches()
        if answer.error != wire.NONE or not batches:
            raise Broken(f"{topic}-{partition}: offset {offset} of {end} cannot be read (error {answer.error})")
        for batch in batches:
            if batch.base_offset != offset:
                raise Broken(f"{topic}-{partition}: gap: expected offset {offset}, got {batch.base_offset}")
            found[offset] = batch.digest
            offset = batch.last_offset + 1
    return found


def check(server, topics, promises, epochs):
    with wire.Connection(server.host, server.port) as conn:
        for topic in topics:
            for partition in range(PARTITIONS):
                place = (topic, partition)
                found = read_all(conn, *place)
                for base_offset, (digest, why) in promises.batches.get(place, {}).items():
                    if base_offset not in found:
                        raise Broken(f"{topic}-{partition}: the batch {why} at offset {base_offset} is missing")
                    if found[base_offset] != digest:
                        raise Broken(f"{topic}-{partition}: the batch {why} at offset {base_offset} has changed")
                promises.batches[place] = {base: (digest, "seen") for base, digest in found.items()}
                epoch = conn.list_offsets(*place, wire.LATEST).leader_epoch
                if epoch < epochs.get(place, -1):
                    raise Broken(f"{topic}-{partition}: leader epoch {epoch} after {epochs[place]}")
                epochs[place] = epoch


def run_round(server, options, rng, topics, promises, number):
    failures = []
    threads = [
        threading.Thread(target=produce, args=(server, topics, -1, promises, f"{number}a{i}", failures)) for i in range(3)
    ]
    if options.kind == "kill":
        threads.append(
            threading.Thread(target=produce, args=(server, topics + ["memory"], 1, promises, f"{number}b", failures)))
    threads.append(threading.Thread(target=consume, args=(server, topics, promises, failures)))
    for thread in threads:
        thread.start()
    if options.kind == "kill":
        time.sleep(rng.random() * 0.2)  # the random moment
        server.kill()
    else:
        server.process.wait(timeout=60)
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure
    if options.kind == "cut" and server.process.returncode != CUT_EXIT:
        raise RuntimeError(f"the server ended with {server.process.returncode}:\n{server.log()}")


def start_server(server, options, rng):
    """For the check without faults; for the load with the next fault planned."""
    server.environ.pop("FAULT_CUT_AT", None)
    if rng is not None and options.kind == "cut":
        server.environ["FAULT_CUT_AT"] = str(rng.randrange(20, 1500))
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


def run(options):
    rng = random.Random(options.seed)
    promises, epochs, topics = Promises(), {}, ["disk"]
    environ = {"FAULT_EARLY_ACKS": "1"} if options.early_acks else {}
    program = "leatd" if options.kind == "kill" else "tests/crash/leatd_faults"
    slowest = 0
    with Leatd(data=options.data, program=program, environ=environ) as server:
        with wire.Connection(server.host, server.port) as conn:
            small = {"internal.segment.bytes": "65536", "retention.ms": "-1"}
            conn.make_topic("disk", PARTITIONS, small)
            conn.make_topic("memory", PARTITIONS, dict(small, **{"leat.durability": "memory"}))
        if options.kind == "cut":
            server.stop()
            start_server(server, options, rng)
        for number in range(options.rounds):
            run_round(server, options, rng, topics, promises, number)
            slowest = max(slowest, start_server(server, options, None))
            if slowest > READY_SECONDS:
                raise Broken(f"the restart took {slowest:.1f} s")
            check(server, topics + ["memory"] if options.kind == "kill" else topics, promises, epochs)
            if options.kind == "cut" and number + 1 < options.rounds:
                server.stop() if rng.random() < 0.5 else server.kill()
                start_server(server, options, rng)
        server.stop()
    print(f"{options.rounds} rounds ({options.kind}), {promises.acked} batches acknowledged, {promises.seen} seen by the "
          f"consumer, slowest restart {slowest * 1000:.0f} ms: all promises kept")
    if promises.acked == 0 or promises.seen == 0:
        raise RuntimeError("not valid: nothing was acknowledged, or nothing was seen")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--kind", choices=["kill", "cut"], default="kill")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--early-acks", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    try:
        run(options)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
