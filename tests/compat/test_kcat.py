"""kcat 1.7 (librdkafka) unchanged: produce, consume from offsets, query by time, every codec."""

import shutil
import subprocess

import pytest

KCAT = shutil.which("kcat")
pytestmark = pytest.mark.skipif(KCAT is None, reason="kcat is not installed")


def kcat(server, *args, stdin=""):
    done = subprocess.run(
        [KCAT, "-b", server.address, *args], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(topic, count):
    return [f"{topic} record {i}" for i in range(count)]


def test_metadata_lists_broker_and_topics(server, topic):
    """-L shows this broker as the controller, and a topic that was just made by producing to it."""
    kcat(server, "-P", "-t", topic, stdin="x\n")
    listing = kcat(server, "-L")
    assert f"broker 1 at {server.address} (controller)" in listing
    assert f'topic "{topic}" with 1 partitions' in listing


def test_what_is_produced_is_consumed(server, topic):
    sent = lines(topic, 1000)
    kcat(server, "-P", "-t", topic, stdin="\n".join(sent) + "\n")
    assert kcat(server, "-C", "-t", topic, "-o", "beginning", "-e", "-q").splitlines() == sent


def test_consume_from_an_offset(server, topic):
    sent = lines(topic, 100)
    kcat(server, "-P", "-t", topic, stdin="\n".join(sent) + "\n")
    assert kcat(server, "-C", "-t", topic, "-o", "60", "-e", "-q").splitlines() == sent[60:]
    assert kcat(server, "-C", "-t", topic, "-o", "-5", "-e", "-q").splitlines() == sent[-5:]
    out = kcat(server, "-C", "-t", topic, "-o", "60", "-c", "3", "-e", "-q", "-f", "%p %o %s\n")
    assert out.splitlines() == [f"0 {60 + i} {sent[60 + i]}" for i in range(3)]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "zstd"])
def test_codecs(server, topic, codec):
    """librdkafka compresses what it sends (the batch on disk is far smaller than its text) and reads it back."""
    sent = [f"{topic} " + "abc" * 200 + str(i) for i in range(500)]
    kcat(server, "-P", "-t", topic, "-z", codec, "-X", "linger.ms=500", stdin="\n".join(sent) + "\n")
    assert kcat(server, "-C", "-t", topic, "-o", "beginning", "-e", "-q").splitlines() == sent
    size = sum(p.stat().st_size for p in __import__("pathlib").Path(server.data).glob(f"{topic}-0/*.log"))
    text = sum(len(s) for s in sent)
    assert (size > text) if codec == "none" else (size < text / 2 or size == 65536)


def test_lz4_is_read(server, topic):
    """This librdkafka does not write lz4 before FindCoordinator is advertised; it reads what libleat wrote."""
    leat = __import__("tests.support.leatd", fromlist=["BUILD"]).BUILD / "leat"
    sent = lines(topic, 300)
    subprocess.run(
        [leat, "-b", server.address, "produce", topic, "-z", "lz4", "-q"],
        input="\n".join(sent) + "\n", text=True, check=True, timeout=60,
    )
    assert kcat(server, "-C", "-t", topic, "-o", "beginning", "-e", "-q").splitlines() == sent


def test_query_by_timestamp(server, topic):
    """-Q gives the first offset at or after a time; kcat cannot set times, so the record's own is asked for."""
    sent = lines(topic, 10)
    for line in sent:
        kcat(server, "-P", "-t", topic, stdin=line + "\n")
    stamps = [
        (int(o), int(t))
        for o, t in (row.split() for row in kcat(server, "-C", "-t", topic, "-e", "-q", "-f", "%o %T\n").splitlines())
    ]
    for offset, stamp in stamps:
        first = min(o for o, t in stamps if t >= stamp)
        assert kcat(server, "-Q", "-t", f"{topic}:0:{stamp}").split()[-1] == str(first), offset
    assert kcat(server, "-Q", "-t", f"{topic}:0:{stamps[-1][1] + 1}").split()[-1] == "-1"
    assert kcat(server, "-Q", "-t", f"{topic}:0:-2").split()[-1] == "0"
    assert kcat(server, "-Q", "-t", f"{topic}:0:-1").split()[-1] == "10"


def test_keys_headers_and_null(server, topic):
    kcat(server, "-P", "-t", topic, "-K", ":", "-H", "a=1", "-H", "b=2", stdin="k1:v1\n")
    kcat(server, "-P", "-t", topic, "-K", ":", "-Z", stdin="k2:\n")
    out = kcat(server, "-C", "-t", topic, "-e", "-q", "-f", "%k|%S|%h\n")
    assert out.splitlines() == ["k1|2|a=1,b=2", "k2|-1|"]
