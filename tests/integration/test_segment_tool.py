"""leat-segment on files of a real Kafka: the same words as Kafka's tool, and every damage named."""

import json
import os
import pathlib
import random
import shutil
import struct
import subprocess

import pytest

TOOL = pathlib.Path(os.environ.get("LEAT_BUILD", "build")) / "leat-segment"
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "kafka_log"
LOG = "00000000000000000000.log"
INDEX = "00000000000000000000.index"
TIME_INDEX = "00000000000000000000.timeindex"
PARTITIONS = ["append-0", "codecs-0", "txn-0"]


def run(*args, code=0, cwd=None, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([TOOL.resolve(), *map(str, args)], stderr=subprocess.PIPE, text=True, cwd=cwd,
                          timeout=60, check=False, **kwargs)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def verify(*args, code=0):
    return run("verify", "--deep", *args, code=code).stdout


@pytest.fixture(name="copy")
def copy_fixture(tmp_path):
    """A copy of the golden directory that a test may damage."""
    for name in PARTITIONS:
        shutil.copytree(GOLDEN / name, tmp_path / name)
    shutil.copy(GOLDEN / "meta.properties", tmp_path)
    return tmp_path


def patch(path, position, data):
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(data)


# ---- dump ----

@pytest.mark.parametrize("name", PARTITIONS)
def test_dump_prints_what_kafkas_tool_prints(name):
    files = sorted(str(path.relative_to(GOLDEN)) for path in (GOLDEN / name).glob("0*"))
    done = run("dump", "--print-data-log", *files, cwd=GOLDEN)
    assert done.stdout == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert done.stderr == ""


def test_dump_of_a_directory_shows_all_its_files():
    text = run("dump", GOLDEN / "txn-0").stdout
    shown = [line.rsplit("/", 1)[1] for line in text.splitlines() if line.startswith("Dumping")]
    assert sorted(shown) == sorted(os.listdir(GOLDEN / "txn-0"))
    assert "topic_id: " in text
    assert "leaderEpoch: 0 startOffset: 0" in text
    assert "| offset" not in text


def test_dump_of_a_data_directory_shows_its_partitions():
    text = run("dump", GOLDEN).stdout
    for name in PARTITIONS:
        assert f"{GOLDEN}/{name}/{LOG}" in text
    assert "cluster.id: " in text


def test_json_tells_the_same_as_text():
    lines = run("dump", "--records", "--json", GOLDEN / "codecs-0" / LOG).stdout.splitlines()
    objects = [json.loads(line) for line in lines]
    records = [one for one in objects if one["type"] == "record"]
    assert [one["offset"] for one in records] == list(range(250))
    assert sum(one["record_count"] for one in objects if one["type"] == "batch") == 250
    assert {one["codec"] for one in objects if one["type"] == "batch"} == {"none", "gzip", "snappy", "lz4", "zstd"}
    for i, one in enumerate(records):
        number = i % 50
        assert one["key"] == (None if number % 5 == 0 else f"key{number}")
        assert (one["value"] is None) == (number % 7 == 0)
        assert one["headers"] == ([{"key": "h", "value": "x"}, {"key": "n", "value": None}] if number % 4 == 0 else [])
        assert one["timestamp"] == 1700000000000 + i


@pytest.mark.parametrize("text, offsets", [("100:103", [100, 101, 102]), (":2", [0, 1]), ("248:", [248, 249]),
                                           ("7", [7]), ("0:0", []), ("9999:", [])])
def test_offset_range_chooses_records(text, offsets):
    lines = run("dump", "--records", "--json", "--offset-range", text, GOLDEN / "codecs-0" / LOG).stdout.splitlines()
    objects = [json.loads(line) for line in lines]
    assert [one["offset"] for one in objects if one["type"] == "record"] == offsets


def test_bytes_that_are_no_text_cannot_drive_a_terminal(copy):
    log = copy / "codecs-0" / LOG
    data = log.read_bytes()
    position = data.index(b"none value 1 ")
    patch(log, position, b"\x1b[2J\xff\xc2\x9b")
    text = run("dump", "--records", log, code=1).stdout
    assert "\x1b" not in text
    assert "\\x1b[2J\\xff\\xc2\\x9b" in text
    objects = [json.loads(line) for line in run("dump", "--records", "--json", log, code=1).stdout.splitlines()]
    assert any("value_base64" in one for one in objects)


# ---- verify ----

def test_what_kafka_left_is_sound():
    text = verify(GOLDEN)
    assert text.count(": ok\n") == 3
    assert "codecs-0: segments: 1 batches: 18 records: 250 offsets: 0-249: ok" in text
    assert "txn-0: segments: 2 batches: 4 records: 5 offsets: 0-4: ok" in text
    assert "problem" not in text


def test_a_single_file_is_verified_with_its_indexes(copy):
    patch(copy / "codecs-0" / INDEX, 4, struct.pack(">i", 1))
    for name in (LOG, INDEX, TIME_INDEX):
        assert "where no batch begins" in verify(copy / "codecs-0" / name, code=1)


def test_every_flipped_bit_of_a_log_is_found(copy):
    log = copy / "codecs-0" / LOG
    data = log.read_bytes()
    rng = random.Random(1)
    for _ in range(60):
        position = rng.randrange(len(data))
        # Base offset and leader epoch of a batch are outside its CRC: their order is all that can be checked.
        patch(log, position, bytes([data[position] ^ 1 << rng.randrange(8)]))
        done = subprocess.run([TOOL, "verify", log], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode in (0, 1), (position, done)
        if done.returncode == 0:
            assert "note" in done.stdout or in_header(data, position), position
        patch(log, position, data[position:position + 1])
    verify(log)


def in_header(data, position):
    at = 0
    while at < len(data):
        if at <= position < at + 8 or at + 12 <= position < at + 16:
            return True
        at += 12 + struct.unpack_from(">i", data, at + 8)[0]
    return False


def test_a_wrong_crc_is_named_with_its_offsets(copy):
    patch(copy / "codecs-0" / LOG, 900, b"?")
    assert "position 768: CRC mismatch in a batch that says offsets 20 to 39" in verify(copy / "codecs-0", code=1)


def test_a_torn_tail_is_told_from_a_rotten_middle(copy):
    log = copy / "codecs-0" / LOG
    data = log.read_bytes()
    log.write_bytes(data[:-10])
    text = verify(log, code=1)
    assert "and none follows: a torn tail, cut at the next start" in text
    log.write_bytes(data[:768] + os.urandom(16) + b"\xff" * 84 + data[868:])
    text = verify(log, code=1)
    assert "position 768: 1063 bytes are no batch" in text
    assert "a whole one with offset 40 follows: offsets 20 to 39 are lost" in text


def test_reserved_space_is_a_note_where_it_may_be(copy):
    log = copy / "codecs-0" / LOG
    with open(log, "ab") as file:
        file.write(bytes(100000))
    text = verify(copy / "codecs-0")
    assert "note at position 6966: 100000 zeros up to the end" in text
    assert "zeros up to the end: position: 6966 size: 100000" in run("dump", log).stdout
    with open(copy / "txn-0" / LOG, "ab") as file:
        file.write(bytes(64))
    assert "64 zeros at the end of a segment that is not the last" in verify(copy / "txn-0", code=1)


def test_a_torn_tail_in_reserved_space_is_both(copy):
    log = copy / "codecs-0" / LOG
    data = log.read_bytes()
    log.write_bytes(data[:-10] + bytes(5000))
    text = verify(log, code=1)
    assert "problem at position 6725: 231 bytes" not in text  # the batch goes on in zeros: its CRC tells
    assert "position 6725: CRC mismatch" in text
    assert "zeros up to the end" in text
    log.write_bytes(data[:-10] + b"\xaa" + bytes(50))
    assert "position 6725: CRC mismatch" in verify(log, code=1)


def test_offsets_that_do_not_rise_are_found(copy):
    log = copy / "codecs-0" / LOG
    patch(log, 768, struct.pack(">q", 19))
    assert "base offset 19 where 20 or more is due" in verify(log, code=1)
    patch(log, 768, struct.pack(">q", 25))
    text = verify(log, code=1)
    assert "note at position 768: offsets 20 to 24 are not there: normal where compaction was" in text
    assert "base offset 40 where 45 or more is due" in text


def test_epochs_that_fall_are_found(copy):
    patch(copy / "codecs-0" / LOG, 12, struct.pack(">i", 3))
    assert "leader epoch 0 after 3" in verify(copy / "codecs-0", code=1)


def test_wrong_indexes_are_found(copy):
    part = copy / "codecs-0"
    times = (part / TIME_INDEX).read_bytes()
    patch(part / TIME_INDEX, 7, bytes([times[7] ^ 1]))
    assert "where the log has 1700000000049" in verify(part, code=1)
    (part / TIME_INDEX).write_bytes(times[:-1])
    assert "no whole number of entries" in verify(part, code=1)
    (part / TIME_INDEX).write_bytes(times + struct.pack(">qi", 1800000000000, 300))
    assert "points behind the end of the log" in verify(part, code=1)
    (part / TIME_INDEX).write_bytes(times)
    index = (part / INDEX).read_bytes()
    (part / INDEX).write_bytes(index[8:] + index[:8])
    assert "does not rise" in verify(part, code=1)
    patch(copy / "txn-0" / "00000000000000000002.txnindex", 1, b"\1")
    assert "version 1 of an aborted transaction" in verify(copy / "txn-0", code=1)


def test_missing_indexes_are_notes(copy):
    (copy / "codecs-0" / INDEX).unlink()
    (copy / "codecs-0" / TIME_INDEX).unlink()
    text = verify(copy / "codecs-0")
    assert text.count("is missing: it is made again at the next start") == 2


def test_broken_small_files_are_found(copy):
    epochs = copy / "codecs-0" / "leader-epoch-checkpoint"
    for bad in ("0\n1\n0 x\n", "0\n2\n0 0\n", "1\n1\n0 0\n", "0\n2\n1 0\n0 5\n", "\n\n\n"):
        epochs.write_text(bad, encoding="utf-8")
        verify(copy / "codecs-0", code=1)
    epochs.write_text("0\n1\n0 0\n", encoding="utf-8")
    verify(copy / "codecs-0")
    patch(copy / "txn-0" / "00000000000000000005.snapshot", 20, b"\x55")
    assert "the CRC or the number of entries is wrong" in verify(copy / "txn-0", code=1)


def test_findings_in_json(copy):
    patch(copy / "codecs-0" / LOG, 900, b"?")
    objects = [json.loads(line) for line in verify("--json", copy / "codecs-0", code=1).splitlines()]
    assert objects[0]["type"] == "problem"
    assert objects[0]["position"] == 768
    assert objects[-1]["type"] == "partition"
    assert objects[-1]["problems"] == 1
    assert objects[-1]["next_offset"] == 250


# ---- bad input ----

def test_wrong_usage_is_code_2():
    for args in ((), ("dump",), ("verfy", "x"), ("dump", "--nonsense", "x"), ("dump", "--offset-range", "5:3", "x"),
                 ("dump", "--offset-range", "a", "x"), ("verify",)):
        assert run(*args, code=2).stderr != ""


def test_help_is_on_stdout():
    for args in (("--help",), ("help",), ("-h",), ("dump", "--help"), ("dump", "-h"), ("verify", "--help")):
        done = run(*args)
        assert "leat-segment" in done.stdout
        assert done.stderr == ""


def test_foreign_and_missing_files_are_refused_clearly(tmp_path):
    foreign = tmp_path / "notes.txt"
    foreign.write_text("hello", encoding="utf-8")
    assert "not the name of a log file" in run("dump", foreign, code=1).stderr
    assert "No such file" in run("verify", tmp_path / LOG, code=1).stderr
    assert "neither a partition nor a data directory" in run("dump", tmp_path, code=1).stderr
    os.mkfifo(tmp_path / LOG)
    assert "not a regular file" in run("dump", tmp_path / LOG, code=1).stderr


def test_a_bad_path_does_not_stop_the_others(tmp_path):
    done = run("dump", tmp_path / "none", GOLDEN / "txn-0", code=1)
    assert "baseOffset: 3" in done.stdout
    assert "No such file" in done.stderr


def test_text_in_the_place_of_a_log_is_damage(tmp_path):
    (tmp_path / LOG).write_bytes(b"these are not the batches you are looking for " * 50)
    assert "no batch: position: 0 size: 2300" in run("dump", tmp_path / LOG, code=1).stdout
    (tmp_path / LOG).write_bytes(b"")
    run("dump", tmp_path / LOG)
    verify(tmp_path / LOG)


def test_a_full_disk_behind_stdout_is_a_failure():
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert "standard output" in run("dump", "--records", GOLDEN, code=1, stdout=full).stderr


def test_truncated_and_mutated_files_never_crash_it(copy):
    rng = random.Random(7)
    files = [path for name in PARTITIONS for path in (copy / name).iterdir()]
    for round_number in range(150):
        path = rng.choice(files)
        data = path.read_bytes()
        if not data:
            continue
        if round_number % 3 == 0:
            path.write_bytes(data[:rng.randrange(len(data))])
        else:
            for _ in range(rng.randrange(1, 6)):
                patch(path, rng.randrange(len(data)), bytes([rng.randrange(256)]))
        for command in (["dump", "--records"], ["verify", "--deep"]):
            done = subprocess.run([TOOL, *command, path.parent], capture_output=True, check=False, timeout=60)
            assert done.returncode in (0, 1), (path, command, done.stderr)
        path.write_bytes(data)
