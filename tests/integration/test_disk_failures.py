"""What producers and consumers are told when the disk says no, and that it ends where the specification says so."""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import wire  # noqa: E402
from tests.support.leatd import Leatd  # noqa: E402

PROGRAM = "tests/crash/leatd_faults"


def batch(value):
    return wire.build_batch([wire.Record(value, timestamp=1700000000000)])


class Disk:
    """A server with two partitions whose disk fails on demand."""

    def __init__(self, call, number, once=False, settings=None):
        environ = {"FAULT_CALL": call, "FAULT_ERRNO": str(number)}
        if once:
            environ["FAULT_ONCE"] = "1"
        self.server = Leatd(settings, program=PROGRAM, environ=environ)
        self.connect()
        self.conn.make_topic("t", 2)
        for partition in range(2):
            assert self.produce(partition, b"before") == wire.NONE

    def connect(self):
        self.conn = wire.Connection(self.server.host, self.server.port)

    def fail(self):
        os.kill(self.server.pid, signal.SIGUSR1)

    def heal(self):
        os.kill(self.server.pid, signal.SIGUSR2)

    def produce(self, partition, value):
        return self.conn.produce("t", partition, batch(value)).error

    def produce_until(self, partition, value, error):
        """Signals take effect a moment after they were sent: ask until the answer is this one."""
        deadline = time.monotonic() + 10
        while self.produce(partition, value) != error:
            assert time.monotonic() < deadline, f"never answered {error}"

    def count(self, partition):
        answer = self.conn.fetch("t", partition, 0)
        assert answer.error == wire.NONE
        assert len(answer.batches()) == answer.high_watermark
        return answer.high_watermark

    def restart(self):
        self.server.kill()
        self.server.start()
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.conn.close()
        self.server.close()


def test_failed_flush_is_final_for_one_partition_until_restart():
    with Disk("fdatasync", errno.EIO, once=True) as disk:
        disk.fail()
        disk.produce_until(0, b"lost", wire.KAFKA_STORAGE_ERROR)
        durable = disk.count(0)
        assert durable >= 1
        assert disk.produce(0, b"refused") == wire.KAFKA_STORAGE_ERROR
        assert disk.produce(1, b"other") == wire.NONE
        assert disk.count(1) == 2
        assert disk.count(0) == durable
        disk.restart()
        assert disk.count(0) >= durable
        assert disk.produce(0, b"after") == wire.NONE


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_refuses_and_ends_by_itself(number):
    # The space at the end of the segment is used up by one large batch, so that every append needs more.
    with Disk("fallocate", number) as disk:
        disk.fail()
        big = b"x" * 100000
        disk.produce_until(0, big, wire.KAFKA_STORAGE_ERROR)
        known = disk.count(0)
        assert disk.conn.delete_records("t", 0, 1) == (1, 0)
        disk.heal()
        began = time.monotonic()
        disk.produce_until(0, big, wire.NONE)
        assert time.monotonic() - began < 5
        assert disk.conn.list_offsets("t", 0, wire.LATEST).offset == known + 1
        assert disk.server.stop() == 0


def test_server_ends_when_its_last_directory_failed():
    with Disk("rename", errno.EIO, settings={"log.flush.offset.checkpoint.interval.ms": "50"}) as disk:
        disk.fail()
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                disk.produce(0, b"more")
        except OSError:
            pass
        assert disk.server.process.wait(timeout=30) == 1
        disk.restart()
        assert disk.count(0) >= 1
        assert disk.produce(0, b"after") == wire.NONE


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", tmp_path], check=False).returncode != 0:
        pytest.skip("skipped: mounting a tmpfs needs root")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_really_full_disk(small_disk):
    """Filled to the last byte by producing: reads and DeleteRecords go on, and give service back."""
    settings = {"log.retention.check.interval.ms": "100", "leat.disk.reserve.bytes": "4194304"}
    big = batch(b"x" * 60000)
    with Leatd(settings, data=str(small_disk / "data")) as server:
        conn = wire.Connection(server.host, server.port)
        configs = {"internal.segment.bytes": "2097152", "retention.ms": "-1", "file.delete.delay.ms": "0"}
        conn.make_topic("t", 2, configs)
        count = [0, 0]
        refused = 0
        while refused < 20:  # both partitions have used what was reserved for them
            for partition in range(2):
                error = conn.produce("t", partition, big).error
                assert error in (wire.NONE, wire.KAFKA_STORAGE_ERROR)
                count[partition] += error == wire.NONE
                refused += error != wire.NONE
        assert min(count) > 200
        assert [conn.fetch("t", p, 0).high_watermark for p in range(2)] == count
        assert conn.delete_records("t", 0, 150) == (150, 0)
        deadline = time.monotonic() + 10
        while conn.produce("t", 0, big).error != wire.NONE:
            assert time.monotonic() < deadline, "no service although there is space"
        count[0] += 1
        conn.close()
        assert server.stop() == 0
        server.start()
        with wire.Connection(server.host, server.port) as conn:
            assert [conn.list_offsets("t", p, wire.LATEST).offset for p in range(2)] == count
            assert conn.list_offsets("t", 0, wire.EARLIEST).offset == 150
