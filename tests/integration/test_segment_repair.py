"""leat-segment repair: damage is taken out of a log, a server then serves the rest, and what was taken out is still there."""

import hashlib
import json
import os
import pathlib
import struct
import subprocess

import pytest

from tests.support import wire
from tests.support.leatd import BUILD, Leatd

TOOL = BUILD / "leat-segment"
BATCHES, PER_BATCH = 40, 3


def run(*args, code=0):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def value(offset):
    return b"%06d" % offset + b"x" * 80


def batch_of(first):
    return wire.build_batch([wire.Record(value=value(first + i), timestamp=1_700_000_000_000 + first) for i in range(PER_BATCH)])


def fill(server, first=0, count=BATCHES):
    with wire.Connection(server.host, server.port) as conn:
        for i in range(count):
            done = conn.produce("t", 0, batch_of(first + i * PER_BATCH))
            assert (done.error, done.base_offset) == (wire.NONE, first + i * PER_BATCH)


def read(server):
    """Offsets of all batches that are served, and the log end."""
    with wire.Connection(server.host, server.port) as conn:
        end = conn.list_offsets("t", 0, -1).offset
        at = conn.list_offsets("t", 0, -2).offset
        seen = []
        while at < end:
            got = conn.fetch("t", 0, at)
            assert got.error == wire.NONE, got
            batches = [b for b in got.batches() if b.last_offset >= at]
            assert batches
            for one in batches:
                seen += range(max(one.base_offset, at), one.last_offset + 1) if one.size > 61 else []
                at = one.last_offset + 1
        return seen, end


class Log:
    """A data directory with topic t, made by a server that has ended."""

    def __init__(self, path, clean=True):
        self.data = str(path)
        self.clean = clean
        with Leatd(data=self.data) as server:
            with wire.Connection(server.host, server.port) as conn:
                conn.make_topic("t", configs={"internal.segment.bytes": "4000", "index.interval.bytes": "300", "retention.ms": "-1"})
            fill(server)
            if clean:
                assert server.stop() == 0
            else:
                server.kill()
        self.dir = path / "t-0"

    def logs(self):
        return sorted(self.dir.glob("*.log"))

    def find(self, offset):
        """File, position and size of the batch with this base offset."""
        for log in self.logs():
            data = log.read_bytes()
            at = 0
            while at + 61 <= len(data):
                base, length = struct.unpack_from(">qi", data, at)
                if length < 49:
                    break
                if base == offset:
                    return log, at, 12 + length
                at += 12 + length
        raise AssertionError(offset)

    def damage(self, offset, at=70):
        log, position, _ = self.find(offset)
        data = bytearray(log.read_bytes())
        data[position + at] ^= 0xFF
        log.write_bytes(data)
        return log, position

    def state(self):
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(pathlib.Path(self.data).rglob("*")) if p.is_file() and p.name not in (".lock", "lock.mdb")}

    def server(self):
        return Leatd(data=self.data)


@pytest.fixture(params=[True, False], ids=["stopped", "killed"])
def log(request, tmp_path):
    made = Log(tmp_path / "data", request.param)
    assert len(made.logs()) > 2
    return made


ALL = list(range(BATCHES * PER_BATCH))


@pytest.mark.parametrize("offset, at", [(0, 70), (30, 70), (30, 8), (30, 16), (30, 23), (117, 70)])
def test_skip_takes_out_what_is_damaged_and_nothing_else(log, offset, at):
    """Contents, length, magic and counts; in the first, a middle and the last but one batch of the log."""
    if offset == 117:
        with log.server() as server:
            fill(server, BATCHES * PER_BATCH, 1)
            assert server.stop() == 0
        everything = list(range(BATCHES * PER_BATCH + PER_BATCH))
    else:
        everything = ALL
    path, position = log.damage(offset, at)
    before = log.state()
    told = run("repair", log.dir, "--skip-batch", offset + 1, "--dry-run").stdout
    assert f"offsets {offset} to {offset + 2} would be empty" in told and log.state() == before
    told = json.loads(run("repair", log.dir, "--skip-batch", offset, "--yes", "--json").stdout)
    assert (told["first_offset"], told["last_offset"], told["position"]) == (offset, offset + 2, position)
    kept = path.with_suffix(f".{position}.cut")
    assert kept.stat().st_size == told["size"] and value(offset + 1) in kept.read_bytes()
    run("verify", "--deep", log.dir)
    with log.server() as server:
        seen, end = read(server)
        assert seen == [o for o in everything if not offset <= o < offset + 3] and end == len(everything)
        fill(server, end, 2)
        server.kill()
        server.start()
        assert read(server)[1] == end + 6


@pytest.mark.parametrize("offset, end", [(60, 60), (61, 60), (0, 0), (119, 117)])
def test_truncate_ends_the_log_before_a_batch(log, offset, end):
    before = log.state()
    told = run("repair", log.dir, "--truncate-at", offset, "--dry-run").stdout
    assert f"would end at offset {end}" in told and log.state() == before
    assert "y" in run("repair", log.dir, "--truncate-at", offset, code=2).stderr and log.state() == before
    run("repair", log.dir, "--truncate-at", offset, "--yes")
    kept = b"".join(p.read_bytes() for p in log.dir.glob("*.cut"))
    assert all(value(o) in kept for o in range(end, 120))
    run("verify", "--deep", log.dir)
    with log.server() as server:
        assert read(server) == (list(range(end)), end)
        fill(server, end, 3)
        assert server.stop() == 0
        server.start()
        assert read(server) == (list(range(end + 9)), end + 9)


def test_a_partition_that_a_start_refused_is_back(tmp_path):
    """A rotten middle in what a start has to walk takes the partition offline; after the repair it serves."""
    log = Log(tmp_path / "data", clean=False)
    log.damage(60)
    with log.server() as server:
        with wire.Connection(server.host, server.port) as conn:
            assert conn.list_offsets("t", 0, -1).error == wire.KAFKA_STORAGE_ERROR
        server.kill()
    run("repair", log.dir, "--skip-batch", "60", "--yes")
    with log.server() as server:
        assert read(server)[0] == [o for o in ALL if o not in (60, 61, 62)]


def test_damage_decides_what_may_be_done(log):
    path, _ = log.damage(30)
    before = log.state()
    for args, said in [
        (["--truncate-at", "60"], "--truncate-at 30"),
        (["--skip-batch", "27"], "is sound"),
        (["--skip-batch", "33"], "is sound"),
        (["--skip-batch", "500"], "log ends at offset 120"),
    ]:
        done = run("repair", log.dir, *args, "--yes", code=1)
        assert said in done.stderr, done.stderr
    assert log.state() == before
    run("repair", log.dir, "--truncate-at", "30", "--yes")
    with log.server() as server:
        assert read(server) == (list(range(30)), 30)


def test_the_damaged_end_of_a_log_can_only_be_cut(log):
    log.damage(117)
    assert "--truncate-at 117" in run("repair", log.dir, "--skip-batch", "117", "--yes", code=1).stderr
    run("repair", log.dir, "--truncate-at", "117", "--yes")
    with log.server() as server:
        assert read(server) == (list(range(117)), 117)


def test_two_damages_are_two_repairs(log):
    log.damage(12)
    log.damage(90)
    run("repair", log.dir, "--skip-batch", "90", "--yes")
    run("repair", log.dir, "--skip-batch", "12", "--yes")
    with log.server() as server:
        assert read(server)[0] == [o for o in ALL if o not in (12, 13, 14, 90, 91, 92)]


def test_a_directory_in_use_is_left_alone(log):
    with log.server() as server:
        read(server)
        before = {p: p.read_bytes() for p in log.logs()}
        done = run("repair", log.dir, "--truncate-at", "30", "--yes", code=1)
        assert str(server.pid) in done.stderr
        assert {p: p.read_bytes() for p in log.logs()} == before


def test_below_the_log_start_nothing_is_cut(log):
    with log.server() as server:
        with wire.Connection(server.host, server.port) as conn:
            assert conn.delete_records("t", 0, 60) == (60, wire.NONE)
        assert server.stop() == 0
    first = int(log.logs()[0].stem)
    done = run("repair", log.dir, "--truncate-at", max(first, 3), "--yes", code=1)
    assert "below its start 60" in done.stderr or "begins at offset" in done.stderr


def test_a_copy_of_a_partition_can_be_repaired_anywhere(log, tmp_path):
    copy = tmp_path / "elsewhere" / "t-0"
    copy.parent.mkdir()
    subprocess.run(["cp", "-r", log.dir, copy], check=True)
    run("repair", copy, "--truncate-at", "30", "--yes")
    run("verify", copy)
    assert not (copy.parent / ".lock").exists()


@pytest.mark.parametrize("args, code, said", [
    (["--truncate-at", "3"], 2, "no file or directory"),
    (["t-0"], 2, "--truncate-at OFFSET"),
    (["t-0", "--truncate-at", "x"], 2, "not an offset"),
    (["t-0", "--truncate-at", "-3"], 2, "not an offset"),
    (["t-0", "--truncate-at", "1", "--skip-batch", "1"], 2, "one repair at a time"),
    (["t-0", "u-0", "--truncate-at", "1"], 2, "one partition"),
    (["t-0", "--truncate-at", "1", "--yes"], 1, "No such file"),
])
def test_wrong_usage(args, code, said, tmp_path):
    done = subprocess.run([TOOL, "repair", *args], cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr, done.stderr


def test_other_directories_are_refused(tmp_path):
    for name in ("notes", "t-x", "t-0"):
        (tmp_path / name).mkdir()
        assert run("repair", tmp_path / name, "--truncate-at", "1", "--yes", code=1).stderr
    assert os.listdir(tmp_path / "t-0") == []
