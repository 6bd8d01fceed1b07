"""docs/coming-from-kafka.md, line by line: the other tool and leat against one server, and what they print compared.

kcat's lines need kcat, those of Kafka's scripts a JDK and Maven; what is missing is skipped.
"""

import json
import shutil
import subprocess

import pytest

from tests.compat import kafka
from tests.support.cli import Running, run

CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
MS = 1_700_000_000_000

needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
needs_kafka = pytest.mark.skipif(not kafka.available(), reason="no JDK and Maven")


def kcat(server, *args, stdin=b""):
    done = subprocess.run(["kcat", "-b", server.address, "-q", *args], input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def leat(server, *args, stdin=b""):
    return run(server.address, *args, stdin=stdin).stdout


def console(server, main, *args, stdin=b""):
    done = subprocess.run(kafka.command(main, "--bootstrap-server", server.address, *args), input=stdin, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def filled(server, topic):
    """Ten records a second apart, with keys and headers; the last value is null."""
    leat(server, "topic", "create", topic, "-p", "1", "-c", "retention.ms=-1")
    rows = [{"key": f"k{i}", "value": f"value {i}", "timestamp": MS + 1000 * i, "headers": [{"name": "a", "value": "1"}, {"name": "b", "value": str(i)}]}
            for i in range(9)]
    rows.append({"key": "k9", "value": None, "timestamp": MS + 9000})
    leat(server, "produce", topic, "--json", stdin="".join(json.dumps(row) + "\n" for row in rows).encode())
    return topic


READING = [
    (["-o", "beginning", "-e"], ["cat"]),
    (["-o", "beginning", "-c", "5"], ["consume", "-n", "5"]),
    (["-p", "0", "-o", "3", "-e"], ["cat", "-p", "0", "-o", "3"]),
    (["-o", "-2", "-e"], ["cat", "-o", "-2"]),
    (["-o", f"s@{MS}", "-o", f"e@{MS + 5000}", "-e"], ["cat", "-o", f"@{MS}:@{MS + 5000}"]),
    (["-e", "-f", "%t %p %o %k %s\\n"], ["cat", "-f", "%t %p %o %k %s\\n"]),
    (["-e", "-f", "%T\\n"], ["cat", "-f", "%d\\n"]),
    (["-e", "-f", "%K %S %R%s"], ["cat", "-f", "%K %S %R%s"]),
]


@needs_kcat
@pytest.mark.parametrize("theirs, ours", READING)
def test_kcat_reads(server, filled, theirs, ours):
    assert kcat(server, "-C", "-t", filled, *theirs) == leat(server, ours[0], filled, *ours[1:])


@needs_kcat
def test_kcat_headers_and_json(server, filled):
    theirs = kcat(server, "-C", "-t", filled, "-e", "-f", "%h\n").decode().splitlines()
    ours = leat(server, "cat", filled, "-f", "%h{%k=%v,}\\n").decode().splitlines()
    assert theirs == [line.rstrip(",") for line in ours]
    theirs = [json.loads(line) for line in kcat(server, "-C", "-t", filled, "-e", "-J").splitlines()]
    ours = [json.loads(line) for line in leat(server, "cat", filled, "--json").splitlines()]
    for a, b in zip(theirs, ours, strict=True):
        assert (a["topic"], a["partition"], a["offset"], a["ts"], a["key"], a["payload"]) == (
            b["topic"], b["partition"], b["offset"], b["timestamp"], b["key"], b["value"])
        assert a.get("headers", []) == [text for h in b["headers"] for text in (h["name"], h["value"])]
    assert kcat(server, "-C", "-t", filled, "-e", "-Z", "-o", "-1") == b"NULL\n" and ours[-1]["value"] is None


WRITING = [
    ([], [], b"one\ntwo\n"),
    (["-K", ":"], ["-K", ":"], b"a:1\nb:2\n"),
    (["-K", ":", "-Z"], ["-K", ":", "-Z"], b"a:\nb:2\n"),
    (["-k", "KEY", "-H", "a=1", "-H", "b=2"], ["-k", "KEY", "-H", "a=1", "-H", "b=2"], b"x\n"),
    (["-p", "0", "-z", "gzip", "-D", ";"], ["-p", "0", "-z", "gzip", "-D", ";"], b"x;y;z"),
]


def contents(server, topic):
    rows = [json.loads(line) for line in leat(server, "cat", topic, "--json").splitlines()]
    return [(row["partition"], row.get("key"), row["value"], row["headers"]) for row in rows]


def two_topics(server, topic, partitions=1):
    for name in (topic + "-theirs", topic + "-ours"):
        leat(server, "topic", "create", name, "-p", str(partitions))
    return topic + "-theirs", topic + "-ours"


@needs_kcat
@pytest.mark.parametrize("theirs, ours, stdin", WRITING)
def test_kcat_writes(server, topic, theirs, ours, stdin):
    a, b = two_topics(server, topic)
    kcat(server, "-P", "-t", a, *theirs, stdin=stdin)
    leat(server, "produce", b, *ours, stdin=stdin)
    assert contents(server, a) == contents(server, b) != []


@needs_kcat
def test_kcat_writes_files(server, topic, tmp_path):
    a, b = two_topics(server, topic)
    (tmp_path / "lines").write_text("one\ntwo\n")
    kcat(server, "-P", "-t", a, "-l", tmp_path / "lines")
    kcat(server, "-P", "-t", a, tmp_path / "lines")
    leat(server, "produce", b, tmp_path / "lines")
    leat(server, "produce", b, tmp_path / "lines", "-f", "%v")
    assert contents(server, a) == contents(server, b) and len(contents(server, a)) == 3


@needs_kcat
def test_keys_go_where_each_client_puts_them(server, topic):
    """kcat's rule is one flag away."""
    a, b = two_topics(server, topic, 5)
    keys = "".join(f"key-{i}:{i}\n" for i in range(50)).encode()
    kcat(server, "-P", "-t", a, "-K", ":", stdin=keys)
    leat(server, "produce", b, "-K", ":", "--partitioner", "crc32", stdin=keys)
    assert sorted(map(str, contents(server, a))) == sorted(map(str, contents(server, b)))


@needs_kcat
def test_kcat_asks(server, filled):
    listed = {row["name"]: row["partitions"] for row in json.loads(leat(server, "topic", "list", "--json"))["topics"]}
    theirs = kcat(server, "-L").decode()
    assert f'topic "{filled}" with {listed[filled]} partitions' in theirs
    broker = json.loads(leat(server, "cluster", "info", "--json"))["brokers"][0]
    assert f"broker {broker['id']} at {broker['host']}:{broker['port']}" in theirs
    for at in (MS - 5, MS, MS + 3500, MS + 9000):
        theirs = int(kcat(server, "-Q", "-t", f"{filled}:0:{at}").split()[-1])
        ours = json.loads(leat(server, "topic", "offsets", filled, "--at", f"@{at}", "--json"))["offsets"][0]["offset"]
        assert ours == theirs


@needs_kafka
def test_console_consumer(server, filled):
    theirs = console(server, CONSUMER, "--topic", filled, "--partition", "0", "--offset", "earliest", "--max-messages", "5")
    assert theirs == leat(server, "consume", filled, "-p", "0", "-n", "5")
    theirs = console(server, CONSUMER, "--topic", filled, "--partition", "0", "--offset", "earliest", "--max-messages", "9",
                     "--formatter-property", "print.key=true")
    assert theirs == leat(server, "cat", filled, "-n", "9", "-f", "%k\\t%v\\n")


@needs_kafka
def test_console_producer(server, topic):
    a, b = two_topics(server, topic)
    console(server, PRODUCER, "--topic", a, "--command-property", "enable.idempotence=false", stdin=b"one\ntwo\n")
    leat(server, "produce", b, stdin=b"one\ntwo\n")
    assert contents(server, a) == contents(server, b)
    console(server, PRODUCER, "--topic", a, "--command-property", "enable.idempotence=false", "--reader-property", "parse.key=true",
            "--reader-property", "key.separator=:", stdin=b"k:v\n")
    leat(server, "produce", b, "-K", ":", stdin=b"k:v\n")
    assert contents(server, a) == contents(server, b) and len(contents(server, a)) == 3


def test_following(server, filled):
    """kafka-console-consumer --from-beginning and kaf consume -f go on; so does leat consume; leat tail shows the last ten."""
    with Running(server.address, "consume", filled) as running:
        assert [running.line() for _ in range(10)] == [f"value {i}\n" for i in range(9)] + ["\n"]
        leat(server, "produce", filled, "--value", "later")
        assert running.line() == "later\n"
    with Running(server.address, "tail", filled) as running:
        assert [running.line().split()[-1] for _ in range(10)][-1] == "later"
