"""Idempotent producers over the wire: ids, sequences, duplicates, and a retry that arrives after kill -9."""

import json
import subprocess
import sys
import time

import pytest

from tests.support import wire
from tests.support.codec import Client
from tests.support.leatd import BUILD, Leatd

LOADING, OUT_OF_ORDER, FENCED, INVALID_REQUEST, NOT_AUTHORIZED = 14, 45, 47, 42, 53
INT_MAX = 2147483647

# Producer (by name), epoch, first sequence, records -> error, base offset. Also asked of a Kafka (tests/compat).
DIALOGUE = [
    ("a", 0, 0, 2, 0, 0),
    ("a", 0, 2, 1, 0, 2),
    ("a", 0, 0, 2, 0, 0),  # duplicate of the first
    ("a", 0, 2, 1, 0, 2),  # and of the second
    ("a", 0, 4, 1, OUT_OF_ORDER, -1),  # gap
    ("a", 0, 2, 2, OUT_OF_ORDER, -1),  # overlap
    ("a", 0, 0, 1, OUT_OF_ORDER, -1),  # a part of the first
    ("a", 0, 3, 1, 0, 3),
    ("b", 0, 7, 1, 0, 4),  # not known: any sequence
    ("b", 0, 8, 1, 0, 5),
    ("b", 0, 6, 1, OUT_OF_ORDER, -1),
    ("a", 1, 3, 1, OUT_OF_ORDER, -1),  # a new epoch begins at 0
    ("a", 1, 0, 3, 0, 6),
    ("a", 0, 4, 1, FENCED, -1),
    ("a", 0, 3, 1, FENCED, -1),  # a duplicate, but of an older epoch
    ("a", 1, 0, 3, 0, 6),
    ("c", 0, INT_MAX - 1, 4, 0, 9),  # wraps inside
    ("c", 0, INT_MAX - 1, 4, 0, 9),
    ("c", 0, 2, 1, 0, 13),
    ("d", 0, INT_MAX, 1, 0, 14),
    ("d", 0, 0, 1, 0, 15),  # wraps between
    *[("e", 0, n, 1, 0, 16 + n) for n in range(6)],
    *[("e", 0, n, 1, 0, 16 + n) for n in range(1, 6)],  # five are remembered
    ("e", 0, 0, 1, OUT_OF_ORDER, -1),  # the sixth is not
]


def records(count, first):
    now = int(time.time() * 1000)
    return [wire.Record(value=b"%d" % ((first + i) % (INT_MAX + 1)), timestamp=now) for i in range(count)]


def new_id(host, port):
    with Client(host, port) as client:
        answer = {"error_code": LOADING}
        deadline = time.monotonic() + 30
        while answer["error_code"] == LOADING and time.monotonic() < deadline:  # a Kafka that has just started
            answer = client.ask("InitProducerId", 4, {"transactional_id": None, "transaction_timeout_ms": 60000})
        assert answer["error_code"] == 0 and answer["producer_epoch"] == 0 and answer["producer_id"] >= 0
        return answer["producer_id"]


def hold_dialogue(host, port, topic, configs=None):
    """Every answer is the expected one; a list of those that are not."""
    wrong = []
    ids = {}
    with wire.Connection(host, port) as conn:
        conn.make_topic(topic, configs=configs)
        for step, (name, epoch, first, count, error, base_offset) in enumerate(DIALOGUE):
            if name not in ids:
                ids[name] = new_id(host, port)
            batch = wire.build_batch(records(count, first), producer=(ids[name], epoch, first))
            done = conn.produce(topic, 0, batch)
            if (done.error, done.base_offset) != (error, base_offset):
                wrong.append((step, DIALOGUE[step], done))
    return wrong


@pytest.fixture(scope="module", name="server")
def fixture_server():
    with Leatd() as server:
        yield server


@pytest.mark.parametrize("durability", ["disk", "memory"])
def test_answers(server, durability):
    configs = {"leat.durability": durability}
    assert hold_dialogue(server.host, server.port, f"talk-{durability}", configs) == []


def test_ids_are_never_given_twice(server):
    """Over many blocks, and over a restart, which loses the rest of a block."""
    seen = set()
    with Leatd() as own:
        for round_ in range(2):
            with Client(own.host, own.port) as client:
                for _ in range(2500):
                    answer = client.ask("InitProducerId", 2, {"transactional_id": None, "transaction_timeout_ms": 1})
                    assert answer["error_code"] == 0
                    assert answer["producer_id"] not in seen
                    seen.add(answer["producer_id"])
            own.kill()
            own.start()
    assert len(seen) == 5000


@pytest.mark.parametrize("values, error", [
    ({"transactional_id": "pay", "transaction_timeout_ms": 60000}, NOT_AUTHORIZED),
    ({"transactional_id": "", "transaction_timeout_ms": 60000}, INVALID_REQUEST),
    ({"transactional_id": None, "transaction_timeout_ms": 0, "producer_id": 7, "producer_epoch": -1}, INVALID_REQUEST),
    ({"transactional_id": None, "transaction_timeout_ms": 0, "producer_id": -1, "producer_epoch": 3}, INVALID_REQUEST),
    ({"transactional_id": None, "transaction_timeout_ms": 0, "producer_id": 7, "producer_epoch": 3}, 0),
])
def test_requests_that_make_no_sense(server, values, error):
    with Client(server.host, server.port) as client:
        answer = client.ask("InitProducerId", 5, values)
        assert answer["error_code"] == error
        assert (answer["producer_id"] != -1) == (error == 0)


def test_describe_producers(server):
    producer = new_id(server.host, server.port)
    with wire.Connection(server.host, server.port) as conn:
        conn.make_topic("watched", 2)
        for first in (0, 3):
            batch = wire.build_batch(records(3, first), producer=(producer, 0, first))
            assert conn.produce("watched", 0, batch).error == 0
    with Client(server.host, server.port) as client:
        answer = client.ask("DescribeProducers", 0, {"topics": [
            {"name": "watched", "partition_indexes": [0, 1, 2]}, {"name": "nowhere", "partition_indexes": [0]}]})
    first, second, third = answer["topics"][0]["partitions"]
    assert first["error_code"] == 0 and second["error_code"] == 0 and second["active_producers"] == []
    state = first["active_producers"][0]
    assert (state["producer_id"], state["producer_epoch"], state["last_sequence"]) == (producer, 0, 5)
    assert state["coordinator_epoch"] == -1 and state["current_txn_start_offset"] == -1
    assert abs(state["last_timestamp"] - time.time() * 1000) < 60000
    assert third["error_code"] == wire.UNKNOWN_TOPIC_OR_PARTITION
    assert answer["topics"][1]["partitions"][0]["error_code"] == wire.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("without_files", [False, True])
def test_a_retry_after_kill_is_not_stored_twice(without_files, tmp_path):
    """Five requests under way, kill -9, and the same five again: whatever was stored is stored once, in order."""
    with Leatd(data=str(tmp_path / "data")) as server:
        producer = new_id(server.host, server.port)
        with wire.Connection(server.host, server.port) as conn:
            conn.make_topic("once")
            batches = [wire.build_batch(records(2, 2 * n), producer=(producer, 0, 2 * n)) for n in range(15)]
            for batch in batches[:10]:
                assert conn.produce("once", 0, batch).error == 0
            under_way = [conn.send_produce("once", 0, batch) for batch in batches[10:]]
            answered = conn.receive_produce(under_way[0])
            server.kill()
        if without_files:
            for path in (tmp_path / "data/once-0").glob("*.producers"):
                path.unlink()
        server.start()
        with wire.Connection(server.host, server.port) as conn:
            again = [conn.produce("once", 0, batch) for batch in batches[10:]]
            assert [(p.error, p.base_offset) for p in again] == [(0, 2 * n) for n in range(10, 15)]
            assert again[0].base_offset == answered.base_offset
            assert conn.list_offsets("once", 0, -1).offset == 30
            got = conn.fetch("once", 0, 0)
            assert [b.base_offset for b in got.batches()] == list(range(0, 30, 2))
            assert conn.produce("once", 0, wire.build_batch(records(1, 30), producer=(producer, 0, 30))).base_offset == 30


def test_a_clean_stop_forgets_nothing(tmp_path):
    with Leatd(data=str(tmp_path / "data")) as server:
        producer = new_id(server.host, server.port)
        batch = wire.build_batch(records(1, 0), producer=(producer, 0, 0))
        with wire.Connection(server.host, server.port) as conn:
            conn.make_topic("kept")
            assert conn.produce("kept", 0, batch).base_offset == 0
        assert server.stop() == 0
        dumped = subprocess.run([BUILD / "leat-segment", "dump", "--json", tmp_path / "data/kept-0/00000000000000000001.producers"],
                                capture_output=True, text=True, check=True).stdout
        rows = [json.loads(line) for line in dumped.splitlines()]
        assert rows[1]["producer_id"] == producer and (rows[2]["first_sequence"], rows[2]["first_offset"]) == (0, 0)
        verified = subprocess.run([BUILD / "leat-segment", "verify", tmp_path / "data"], capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        server.start()
        with wire.Connection(server.host, server.port) as conn:
            done = conn.produce("kept", 0, batch)
            assert (done.error, done.base_offset) == (0, 0)
            assert conn.list_offsets("kept", 0, -1).offset == 1


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    print(*hold_dialogue(host, int(port), "talk"), sep="\n")
