"""The programs of bench/librdkafka: each pair does the same, and the script that compares them runs through. No figure is judged.

Skipped where librdkafka's headers were not there when the tree was built.
"""

import json
import subprocess
import sys
import time

import pytest

from tests.support import cli
from tests.support.leatd import BUILD, TOP

FOLDER = BUILD / "bench/librdkafka"
pytestmark = pytest.mark.skipif(not (FOLDER / "rdkafka_speed").exists(), reason="built without librdkafka-dev")


def pair(name, *arguments):
    """What both programs print, which must be the same."""
    outputs = []
    for side in ("leat", "rdkafka"):
        done = subprocess.run([FOLDER / f"{side}_{name}", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              check=False)
        assert (done.returncode, done.stderr) == (0, ""), side
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    return outputs[0]


def test_produce_puts_keys_into_the_same_places(server, topic):
    cli.run(server.address, "topic", "create", topic, "-p", "4")
    assert pair("produce", server.address, topic) == "1000 stored, 0 failed, 0 unanswered\n"
    placed = cli.run(server.address, "cat", topic, "-f", "%p %k\n").stdout.splitlines()
    assert len(placed) == 2000
    assert len(set(placed)) == 10  # one partition for each key, whoever sent it


def test_consume_from_a_time(server, topic):
    cli.run(server.address, "topic", "create", topic, "-p", "2")
    records = [json.dumps({"partition": i % 2, "timestamp": 1_700_000_000_000 + i, "value": str(i)}) for i in range(10)]
    cli.run(server.address, "produce", topic, "--json", stdin="\n".join(records) + "\n")
    assert pair("consume", server.address, topic, 1_700_000_000_004) == "6 records\n"
    assert pair("consume", server.address, topic, 0) == "10 records\n"
    assert pair("consume", server.address, topic, int(time.time() * 1000)) == "0 records\n"


def test_event_loop(server, topic):
    for side in ("leat", "rdkafka"):
        cli.run(server.address, "topic", "create", f"{topic}-{side}", "-p", "1")
        done = subprocess.run([FOLDER / f"{side}_loop", server.address, f"{topic}-{side}"], capture_output=True, text=True,
                              timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "20 sent, 20 seen\n", "")


def test_admin(server, topic):
    assert pair("admin", server.address, topic) == "retention.ms=7200000\n"


def test_errors_with_a_broker(server, topic):
    assert pair("errors", server.address, topic) == "stored\n"


def test_comparison_runs_through():
    done = subprocess.run([sys.executable, TOP / "bench/librdkafka/compare.py", "--build", BUILD, "--pairs", "1", "--scale", "0.001"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == ["lines", "absent", "threads", "memory", "speed"]
    assert "Connection refused" in text and "| producer, one broker | 2 |" in text
    assert [line.split("|")[1].strip() for line in text.splitlines() if "| leatd |" in line] == [
        f"{work}, {size} B, {codec}" for work, codec in (("produce", "none"), ("consume", "none"), ("consume", "lz4"))
        for size in (100, 1000)]
