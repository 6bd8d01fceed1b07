"""What producers and consumers are told when the disk says no, and that it ends where the specification says so."""

import errno
import os
import pathlib
import signal
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
