"""Replay is exact: random histories of one partition, every ListOffsets and Fetch answer compared with a model.

Batches of any size with two codecs and timestamps out of order, DeleteRecords, retention by size, clean restarts and
kill -9. The same requests go to a real Kafka when LEAT_ORACLE=host:port names one (without the restarts; it must run with
log.retention.check.interval.ms=100 and log.segment.delete.delay.ms=0). LEAT_SEED: another random choice than the fixed
one. A failure prints the shortest history that shows it.
"""

import itertools
import os
import pathlib
import sys
import time

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import wire  # noqa: E402
from tests.support.leatd import Leatd  # noqa: E402

TIME_BASE = 1700000000000
SEGMENT_BYTES = 16384
RETENTION_SECONDS = 30
EXAMPLES = 20

_topics = itertools.count()


class Model:
    """What a consumer must be told."""

    def __init__(self):
        self.batches = []  # (base offset, last offset, size, digest)
        self.times = []  # by offset
        self.log_start = 0

    @property
    def log_end(self):
        return len(self.times)

    def append(self, batch, times):
        base = self.log_end
        self.times += times
        self.batches.append((base, self.log_end - 1, len(batch), wire.digest_of(batch)))
        return base

    def first_at(self, timestamp):
        """The first record at or after a time: (offset, time)."""
        for offset in range(self.log_start, self.log_end):
            if self.times[offset] >= timestamp:
                return offset, self.times[offset]
        return -1, -1

    def largest(self):
        """The first record with the largest time."""
        left = self.times[self.log_start :]
        if not left:
            return -1, -1
        return self.log_start + left.index(max(left)), max(left)

    def deleted_reaches(self, timestamp):
        """Is a deleted record at or after this time? A Kafka then may look into the segment that still holds it, find
        nothing at or above log start there, and look no further."""
        return any(t >= timestamp for t in self.times[: self.log_start])

    def bytes_from(self, offset):
        return sum(size for base, _, size, _ in self.batches if base >= offset)


class Target:
    """A server, one topic in it, and what the model says of it."""

    exact = True  # also where a Kafka takes a short cut

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.topic = f"replay-{os.getpid()}-{next(_topics)}"
        self.model = Model()
        self.conn = wire.Connection(host, port)
        self.conn.make_topic(
            self.topic, 1,
            {"internal.segment.bytes": str(SEGMENT_BYTES), "index.interval.bytes": "1000", "retention.ms": "-1"})

    def finish(self):
        self.conn.delete_topic(self.topic)
        self.conn.close()

    def restart(self, kill):
        pass

    def retention_off(self):
        """No round may be under way that still knows the old setting."""
        time.sleep(0.3)

    # ---- steps ----

    def produce(self, records, codec, acks):
        times = [record.timestamp for record in records]
        batch = wire.build_batch(records, codec)
        answer = self.conn.produce(self.topic, 0, batch, acks)
        base = self.model.append(batch, times)
        assert (answer.error, answer.base_offset, answer.log_append_time) == (0, base, -1)
        assert answer.log_start == self.model.log_start
        while self.conn.list_offsets(self.topic, 0, wire.LATEST).offset < self.model.log_end:
            assert acks == 1, "acks=all was answered before the records could be seen"
            self.conn.fetch(self.topic, 0, base, max_wait_ms=1000, min_bytes=1)

    def delete(self, place):
        model = self.model
        offset = -1 if place is None else model.log_start + int(place * (model.log_end - model.log_start + 2))
        log_start, error = self.conn.delete_records(self.topic, 0, offset)
        if offset > model.log_end:
            assert error == wire.OFFSET_OUT_OF_RANGE
            return
        wanted = model.log_end if offset == -1 else offset
        model.log_start = max(model.log_start, wanted)
        assert (log_start, error) == (model.log_start, 0)

    def retain(self, size):
        """Whole segments go while more than retention.bytes is left without them; where one begins is the log's business."""
        model = self.model
        assert self.conn.alter_topic_config(self.topic, "retention.bytes", str(size)) == 0
        deadline = time.monotonic() + RETENTION_SECONDS
        while True:
            log_start = self.conn.list_offsets(self.topic, 0, wire.EARLIEST).offset
            if model.bytes_from(log_start) < size + 2 * SEGMENT_BYTES:
                break
            assert time.monotonic() < deadline, "retention does not reach retention.bytes"
        assert self.conn.alter_topic_config(self.topic, "retention.bytes", "-1") == 0
        self.retention_off()
        log_start = self.conn.list_offsets(self.topic, 0, wire.EARLIEST).offset
        assert log_start >= model.log_start
        if log_start > model.log_start:
            assert log_start == model.log_end or any(base == log_start for base, _, _, _ in model.batches)
            assert model.bytes_from(log_start) >= size
            model.log_start = log_start

    # ---- questions ----

    def ask_ends(self):
        for timestamp, want in ((wire.EARLIEST, self.model.log_start), (wire.LATEST, self.model.log_end)):
            answer = self.conn.list_offsets(self.topic, 0, timestamp)
            assert (answer.error, answer.offset, answer.timestamp) == (0, want, -1)

    def ask_time(self, timestamp):
        if not self.exact and self.model.deleted_reaches(timestamp):
            return
        answer = self.conn.list_offsets(self.topic, 0, timestamp)
        assert (answer.error, answer.offset, answer.timestamp) == (0, *self.model.first_at(timestamp))

    def ask_largest(self):
        want = self.model.largest()
        if not self.exact and self.model.deleted_reaches(want[1]):
            return
        answer = self.conn.list_offsets(self.topic, 0, wire.MAX_TIMESTAMP)
        assert (answer.error, answer.offset, answer.timestamp) == (0, *want)

    def ask_fetch(self, place, max_bytes):
        model = self.model
        offset = model.log_start - 2 + int(place * (model.log_end - model.log_start + 5))
        answer = self.conn.fetch(self.topic, 0, offset, max_bytes)
        if offset < model.log_start or offset > model.log_end:
            assert answer.error == wire.OFFSET_OUT_OF_RANGE
            return
        assert (answer.error, answer.high_watermark, answer.log_start) == (0, model.log_end, model.log_start)
        got = [(b.base_offset, b.last_offset, b.size, b.digest) for b in answer.batches()]
        first = next((i for i, batch in enumerate(model.batches) if batch[1] >= offset), len(model.batches))
        assert bool(got) == (first < len(model.batches))
        assert got == model.batches[first : first + len(got)]
        assert len(got) <= 1 or sum(batch[2] for batch in got) <= max_bytes


class Oracle(Target):
    exact = False


class Leat(Target):
    def __init__(self, leatd):
        self.leatd = leatd
        super().__init__(leatd.host, leatd.port)

    def restart(self, kill):
        self.conn.close()
        if kill:
            self.leatd.kill()
        else:
            assert self.leatd.stop() == 0
        self.leatd.start()
        self.conn = wire.Connection(self.leatd.host, self.leatd.port)

    def retention_off(self):
        self.restart(False)


def _times():
    """Mostly growing (None: the next one), often in the past, equal, or ahead."""
    return st.one_of(st.none(), st.none(), st.integers(0, 20).map(lambda n: n * 1000), st.integers(0, 200000))


_records = st.lists(st.tuples(_times(), st.one_of(st.none(), st.integers(0, 100), st.integers(0, 3000)), st.booleans()),
                    min_size=1, max_size=8)
_place = st.floats(0, 1)
_produce = st.tuples(st.just("produce"), _records, st.sampled_from([0, 0, 1]), st.sampled_from([-1, -1, 1]))
_change = st.one_of(
    st.tuples(st.just("delete"), st.one_of(st.none(), _place.map(lambda p: p / 3))),
    st.tuples(st.just("retain"), st.integers(20000, 60000)),
    st.tuples(st.just("restart"), st.booleans()),
)
_question = st.one_of(
    st.tuples(st.just("fetch"), _place, st.sampled_from([1, 500, 5000, 100000])),
    st.tuples(st.just("fetch"), _place, st.integers(1, 20000)),
    st.tuples(st.just("time"), st.integers(-1, 210000)),
    st.tuples(st.just("largest")),
    st.tuples(st.just("ends")),
)
_history = st.lists(st.one_of(_produce, _produce, _produce, _change, _question, _question), min_size=20, max_size=80)


def play(target, history):
    for step in history:
        kind, arguments = step[0], step[1:]
        if kind == "produce":
            records, codec, acks = arguments
            now = TIME_BASE + target.model.log_end * 100
            target.produce(
                [
                    wire.Record(
                        value=None if size is None else bytes(i % 251 for i in range(size)),
                        key=b"key" if keyed else None,
                        timestamp=now if ahead is None else TIME_BASE + ahead,
                    )
                    for ahead, size, keyed in records
                ],
                codec, acks)
        elif kind == "time":
            target.ask_time(TIME_BASE + arguments[0])
        else:
            {"delete": target.delete, "retain": target.retain, "restart": target.restart, "fetch": target.ask_fetch,
             "largest": target.ask_largest, "ends": target.ask_ends}[kind](*arguments)
    target.ask_ends()
    target.ask_largest()
    target.ask_fetch(0.5, 100000)


@pytest.fixture(scope="module")
def leatd():
    with Leatd({"log.retention.check.interval.ms": "100"}) as server:
        yield server


_fixed = settings(max_examples=int(os.environ.get("LEAT_EXAMPLES", EXAMPLES)), deadline=None, database=None,
                  derandomize="LEAT_SEED" not in os.environ, suppress_health_check=list(HealthCheck))


def _seeded(test):
    return seed(int(os.environ["LEAT_SEED"]))(test) if "LEAT_SEED" in os.environ else test


@_seeded
@_fixed
@given(history=_history)
def test_leat_answers_as_the_model(leatd, history):
    target = Leat(leatd)
    play(target, history)
    target.finish()


@pytest.mark.skipif("LEAT_ORACLE" not in os.environ, reason="LEAT_ORACLE=host:port names no Kafka")
@_seeded
@_fixed
@given(history=_history)
def test_kafka_answers_as_the_model(history):
    host, port = os.environ["LEAT_ORACLE"].rsplit(":", 1)
    target = Oracle(host, int(port))
    play(target, history)
    target.finish()
