"""A small Kafka client for tests: sockets and struct, nothing hidden, one fixed version per request.

    with Connection(host, port) as conn:
        conn.create_topic("t", 3, {"retention.ms": "-1"})
        conn.produce("t", 0, build_batch([Record(b"value", timestamp=1)]))
        conn.fetch("t", 0, offset=0).batches()

Works against leat and against a real Kafka. Errors of partitions are returned as Kafka's numbers, never raised; a broken
connection raises ConnectionError or OSError.
"""

import gzip
import hashlib
import socket
import struct
import time
from dataclasses import dataclass, field

NONE = 0
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC_OR_PARTITION = 3
NOT_LEADER = 6
KAFKA_STORAGE_ERROR = 56

EARLIEST = -2
LATEST = -1
MAX_TIMESTAMP = -3

HEADER_SIZE = 61


def _crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC_TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    table = _CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _zigzag(number):
    number = (number << 1) ^ (number >> 63)
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@dataclass
class Record:
    value: bytes = None
    key: bytes = None
    timestamp: int = 0


def _sized(data):
    return _zigzag(-1) if data is None else _zigzag(len(data)) + data


def build_batch(records, codec=0, producer=(-1, -1, -1)):
    """A v2 batch as a producer sends it. codec 0 (none) or 1 (gzip); producer: id, epoch, first sequence."""
    base = records[0].timestamp
    body = bytearray()
    for delta, record in enumerate(records):
        one = b"\0" + _zigzag(record.timestamp - base) + _zigzag(delta) + _sized(record.key) + _sized(record.value) + b"\0"
        body += _zigzag(len(one)) + one
    if codec == 1:
        body = gzip.compress(bytes(body), 6, mtime=0)
    elif codec != 0:
        raise ValueError(f"codec {codec}")
    tail = struct.pack(
        ">hiqqqhii", codec, len(records) - 1, base, max(r.timestamp for r in records), *producer, len(records)
    ) + bytes(body)
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, crc32c(tail)) + tail


@dataclass
class Batch:
    """The header of a batch that was read, and a digest of all that a broker must not change."""

    base_offset: int
    last_offset: int
    size: int
    crc: int
    digest: bytes
    max_timestamp: int


def digest_of(batch):
    """Of all bytes but base offset and leader epoch, which the broker sets."""
    return hashlib.blake2b(batch[8:12] + batch[16:], digest_size=16).digest()


def parse_batches(data):
    """Whole batches in the answer of a fetch; a cut last one, which Kafka sends, is left out."""
    batches = []
    at = 0
    while len(data) - at >= HEADER_SIZE:
        base, length = struct.unpack_from(">qi", data, at)
        if len(data) - at < 12 + length:
            break
        magic, crc = struct.unpack_from(">bI", data, at + 16)
        (last_delta,) = struct.unpack_from(">i", data, at + 23)
        (max_timestamp,) = struct.unpack_from(">q", data, at + 35)
        if magic != 2:
            raise AssertionError(f"magic {magic} at byte {at}")
        batches.append(
            Batch(base, base + last_delta, 12 + length, crc, digest_of(data[at : at + 12 + length]), max_timestamp)
        )
        at += 12 + length
    return batches


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, fmt):
        values = struct.unpack_from(">" + fmt, self.data, self.at)
        self.at += struct.calcsize(">" + fmt)
        return values[0] if len(values) == 1 else values

    def string(self):
        size = self.take("h")
        return None if size < 0 else self.bytes_of(size).decode()

    def bytes_of(self, size):
        out = self.data[self.at : self.at + size]
        self.at += size
        return out

    def varint(self):
        shift = value = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def compact_string(self):
        size = self.varint() - 1
        return None if size < 0 else self.bytes_of(size).decode()

    def tags(self):
        for _ in range(self.varint()):
            self.varint()
            self.bytes_of(self.varint())


def _string(text):
    if text is None:
        return struct.pack(">h", -1)
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _compact(text):
    raw = text.encode()
    assert len(raw) < 127
    return bytes([len(raw) + 1]) + raw


@dataclass
class Produced:
    error: int
    base_offset: int
    log_append_time: int
    log_start: int


@dataclass
class Fetched:
    error: int
    high_watermark: int
    last_stable: int
    log_start: int
    data: bytes = field(repr=False)

    def batches(self):
        return parse_batches(self.data)


@dataclass
class Listed:
    error: int
    timestamp: int
    offset: int
    leader_epoch: int


class Connection:
    def __init__(self, host, port, timeout=30):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def send(self, key, version, body, flexible=False):
        self.correlation += 1
        header = struct.pack(">hhi", key, version, self.correlation) + _string("test") + (b"\0" if flexible else b"")
        self.sock.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        return self.correlation

    def _read(self, size):
        out = bytearray()
        while len(out) < size:
            part = self.sock.recv(size - len(out))
            if not part:
                raise ConnectionError("closed by the server")
            out += part
        return bytes(out)

    def receive(self, correlation, flexible=False):
        (size,) = struct.unpack(">i", self._read(4))
        reader = Reader(self._read(size))
        got = reader.take("i")
        assert got == correlation, f"correlation id {got}, sent {correlation}"
        if flexible:
            reader.tags()
        return reader

    def call(self, key, version, body, flexible=False):
        return self.receive(self.send(key, version, body, flexible), flexible)

    # ---- topics ----

    def create_topic(self, name, partitions=1, configs=None):
        """CreateTopics v4; the error code. Answered when the topic exists."""
        body = struct.pack(">i", 1) + _string(name) + struct.pack(">ihi", partitions, 1, 0)
        configs = configs or {}
        body += struct.pack(">i", len(configs))
        for key, value in configs.items():
            body += _string(key) + _string(value)
        reader = self.call(19, 4, body + struct.pack(">ib", 30000, 0))
        reader.take("ii")
        reader.string()
        return reader.take("h")

    def make_topic(self, name, partitions=1, configs=None):
        """create_topic, and ask until each partition has its leader: a Kafka answers CreateTopics before that."""
        error = self.create_topic(name, partitions, configs)
        assert error == NONE, f"CreateTopics: error {error}"
        deadline = time.monotonic() + 30
        for partition in range(partitions):
            while self.list_offsets(name, partition, LATEST).error in (UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER):
                assert time.monotonic() < deadline, f"{name}-{partition} has no leader"

    def delete_topic(self, name):
        """DeleteTopics v3."""
        reader = self.call(20, 3, struct.pack(">i", 1) + _string(name) + struct.pack(">i", 30000))
        reader.take("ii")
        reader.string()
        return reader.take("h")

    def leaders(self, name):
        """Metadata v8 without auto-create: {partition: leader} of a topic, or its error code."""
        reader = self.call(3, 8, struct.pack(">i", 1) + _string(name) + b"\0\0\0")
        reader.take("i")
        for _ in range(reader.take("i")):
            reader.take("i")
            reader.string()
            reader.take("i")
            reader.string()
        reader.string()
        reader.take("ii")
        error = reader.take("h")
        if error != NONE:
            return error
        reader.string()
        reader.take("b")
        leaders = {}
        for _ in range(reader.take("i")):
            _, partition, leader, _ = reader.take("hiii")
            leaders[partition] = leader
            for _ in range(3):
                for _ in range(reader.take("i")):
                    reader.take("i")
        return leaders

    def alter_topic_config(self, topic, key, value):
        """IncrementalAlterConfigs v0: set one setting (None: back to its default); the error code."""
        body = struct.pack(">ib", 1, 2) + _string(topic) + struct.pack(">i", 1) + _string(key)
        body += struct.pack(">b", 0 if value is not None else 1) + _string(value) + b"\0"
        reader = self.call(44, 0, body)
        reader.take("ii")
        return reader.take("h")

    # ---- records ----

    def send_produce(self, topic, partition, batch, acks=-1, timeout_ms=30000):
        body = _string(None) + struct.pack(">hii", acks, timeout_ms, 1) + _string(topic)
        return self.send(0, 8, body + struct.pack(">iii", 1, partition, len(batch)) + batch)

    def receive_produce(self, correlation):
        reader = self.receive(correlation)
        reader.take("i")
        reader.string()
        reader.take("i")
        _, error, base_offset, log_append_time, log_start = reader.take("ihqqq")
        return Produced(error, base_offset, log_append_time, log_start)

    def produce(self, topic, partition, batch, acks=-1):
        """Produce v8."""
        return self.receive_produce(self.send_produce(topic, partition, batch, acks))

    def fetch(self, topic, partition, offset, max_bytes=1 << 20, max_wait_ms=0, min_bytes=0, isolation=0, total=1 << 24):
        """Fetch v11 without a session."""
        body = struct.pack(">iiiibiii", -1, max_wait_ms, min_bytes, total, isolation, 0, -1, 1) + _string(topic)
        body += struct.pack(">iiiqqi", 1, partition, -1, offset, -1, max_bytes) + struct.pack(">i", 0) + _string("")
        reader = self.call(1, 11, body)
        _, error, _, topics = reader.take("ihii")
        if error != NONE or topics == 0:
            return Fetched(error, -1, -1, -1, b"")
        reader.string()
        reader.take("i")
        _, error, high_watermark, last_stable, log_start = reader.take("ihqqq")
        for _ in range(max(0, reader.take("i"))):
            reader.take("qq")
        reader.take("i")
        size = reader.take("i")
        return Fetched(error, high_watermark, last_stable, log_start, reader.bytes_of(max(0, size)))

    def list_offsets(self, topic, partition, timestamp, isolation=0):
        """ListOffsets v7: the offset at a time, or at EARLIEST, LATEST, MAX_TIMESTAMP."""
        body = struct.pack(">ib", -1, isolation) + b"\x02" + _compact(topic) + b"\x02"
        body += struct.pack(">iiq", partition, -1, timestamp) + b"\0\0\0"
        reader = self.call(2, 7, body, flexible=True)
        reader.take("i")
        reader.varint()
        reader.compact_string()
        reader.varint()
        _, error, found, offset, epoch = reader.take("ihqqi")
        return Listed(error, found, offset, epoch)

    def delete_records(self, topic, partition, offset):
        """DeleteRecords v1: (log start, error code)."""
        body = struct.pack(">i", 1) + _string(topic) + struct.pack(">iiq", 1, partition, offset)
        reader = self.call(21, 1, body + struct.pack(">i", 30000))
        reader.take("ii")
        reader.string()
        reader.take("i")
        _, log_start, error = reader.take("iqh")
        return log_start, error
