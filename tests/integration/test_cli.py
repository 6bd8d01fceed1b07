"""The command line against a running server: exit codes, tables, JSON, the way of records in and out."""

import json
import os
import signal
import subprocess

import pytest

from tests.support.leatd import BUILD, Leatd

MS = 1_771_063_923_101  # 2026-02-14T10:12:03.101Z


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        yield leatd


def leat(server, *args, stdin="", status=0, environ=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_")}
    env.update(environ or {}, HOME="/proc/nonexistent")
    address = ["-b", server.address] if server else []
    done = subprocess.run(
        [BUILD / "leat", *args, *address], input=stdin, capture_output=True, text=True, timeout=60, check=False, env=env
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def test_create_list_describe_delete(server):
    made = leat(server, "topic", "create", "orders", "-p", "3", "-c", "retention.ms=3600000")
    assert made.stdout.split() == ["TOPIC", "PARTITIONS", "STATUS", "orders", "3", "OK"]
    again = leat(server, "topic", "create", "orders", status=1)
    assert "TOPIC_ALREADY_EXISTS, 36" in again.stderr and again.stdout == ""
    leat(server, "topic", "create", "orders", "--if-not-exists")
    listed = json.loads(leat(server, "topic", "list", "--json").stdout)
    assert listed["_command"] == "topic list" and listed["_version"] == 1
    row = next(t for t in listed["topics"] if t["name"] == "orders")
    assert (row["partitions"], row["replicas"], row["records"], row["internal"]) == (3, 1, 0, False)
    described = json.loads(leat(server, "topic", "describe", "orders", "--json").stdout)["topics"][0]
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
    assert {p["leader"] for p in described["partitions"]} == {1}
    assert {"key": "retention.ms", "value": "3600000", "source": "topic"} in described["configs"]
    assert "needs --yes" in leat(server, "topic", "delete", "orders", status=1).stderr
    leat(server, "topic", "delete", "orders", "--yes")
    assert "UNKNOWN_TOPIC_OR_PARTITION" in leat(server, "topic", "describe", "orders", status=1).stderr


def test_dry_run_changes_nothing(server):
    leat(server, "topic", "create", "ghost", "--dry-run")
    assert "ghost" not in leat(server, "topic", "list").stdout
    assert "INVALID_CONFIG" in leat(server, "topic", "create", "ghost", "--dry-run", "-c", "no.such=1", status=1).stderr


def test_produce_and_cat(server):
    leat(server, "topic", "create", "lines", "-p", "1")
    done = leat(server, "produce", "lines", "-k", "key", "-H", "source=web", stdin="one\ntwo\n\nlast")
    assert done.stdout == "" and "4 records" in done.stderr
    out = leat(server, "cat", "lines", "-f", "%o %k %V %v %h{%k=%v}\\n").stdout
    assert out == "0 key 3 one source=web\n1 key 3 two source=web\n2 key 0  source=web\n3 key 4 last source=web\n"
    assert leat(server, "cat", "lines", "-o", "1:3", "-f", "%o\\n").stdout == "1\n2\n"
    assert leat(server, "cat", "lines", "-o", "-1").stdout == "last\n"
    assert leat(server, "cat", "lines", "-n", "2", "-f", "%i ").stdout == "0 1 "
    assert leat(server, "cat", "lines", "--grep", "^t").stdout == "two\n"
    assert leat(server, "cat", "lines", "--key", "other").stdout == ""
    assert leat(server, "cat", "lines", "-p", "7", status=1).stdout == ""


def test_key_delimiter_tombstone_and_values(server):
    leat(server, "topic", "create", "keyed", "-p", "1")
    leat(server, "produce", "keyed", "-K", ":", "-Z", stdin="a:1\nb:\n")
    leat(server, "produce", "keyed", "--value", "v1", "--value", "v2")
    assert leat(server, "cat", "keyed", "-f", "%k|%K|%V\\n").stdout == "a|1|1\nb|1|-1\n|-1|2\n|-1|2\n"
    refused = leat(server, "produce", "keyed", "-K", ":", stdin="no delimiter\n", status=1)
    assert "line 1" in refused.stderr


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_codecs(server, codec):
    leat(server, "topic", "create", f"codec-{codec}", "-p", "1")
    lines = "".join(f"line {i} {'x' * 50}\n" for i in range(500))
    leat(server, "produce", f"codec-{codec}", "-z", codec, stdin=lines)
    assert leat(server, "cat", f"codec-{codec}").stdout == lines
    assert leat(server, "cat", f"codec-{codec}", "-n", "1", "-f", "%a{compression}").stdout == codec


def test_json_copies_a_topic_exactly(server):
    """consume --json | produce --json: headers, nulls, binary values and timestamps survive."""
    records = [
        {"key": "k", "value": "v", "timestamp": MS, "headers": [{"name": "a", "value": "1"}, {"name": "n", "value": None}]},
        {"key": None, "value": None, "timestamp": MS + 1, "headers": []},
        {"key_base64": "/wD+", "value_base64": "AAEC/w==", "timestamp": MS - 5, "headers": [{"name": "b", "value_base64": "gA=="}]},
        {"key": "", "value": "", "timestamp": MS + 2, "headers": []},
    ]
    for name in ["first", "second"]:
        leat(server, "topic", "create", name, "-p", "1", "-c", "retention.ms=-1")
    leat(server, "produce", "first", "--json", stdin="".join(json.dumps(r) + "\n" for r in records))
    copied = leat(server, "cat", "first", "--json").stdout
    leat(server, "produce", "second", "--json", stdin=copied)
    strip = lambda text: [{k: v for k, v in json.loads(line).items() if k != "topic"} for line in text.splitlines()]
    assert strip(leat(server, "cat", "second", "--json").stdout) == strip(copied)
    for sent, got in zip(records, strip(copied)):
        assert all(got[key] == value for key, value in sent.items())


def test_replay_by_time(server):
    leat(server, "topic", "create", "times", "-p", "1", "-c", "retention.ms=-1")
    rows = "".join(json.dumps({"value": str(i), "timestamp": MS + 1000 * i}) + "\n" for i in range(10))
    leat(server, "produce", "times", "--json", stdin=rows)
    assert leat(server, "cat", "times", "-o", f"@{MS + 4000}").stdout == "4\n5\n6\n7\n8\n9\n"
    assert leat(server, "cat", "times", "-o", "@2026-02-14T10:12:05Z:@2026-02-14T10:12:08Z").stdout == "2\n3\n4\n"
    assert leat(server, "cat", "times", "-o", f"@{MS + 2000}:3s").stdout == "2\n3\n4\n"
    offsets = json.loads(leat(server, "topic", "offsets", "times", "--at", f"@{MS + 4500}", "--json").stdout)
    assert offsets["offsets"] == [{"topic": "times", "partition": 0, "offset": 5, "status": "OK", "message": None}]
    plain = json.loads(leat(server, "topic", "offsets", "times", "--json").stdout)
    assert [plain["offsets"][0][key] for key in ("partition", "start", "end", "records")] == [0, 0, 10, 10]


def test_config(server):
    leat(server, "topic", "create", "tuned", "-p", "1")
    leat(server, "config", "set", "--topic", "tuned", "retention.ms=1234567", "max.message.bytes=2000000")
    shown = json.loads(leat(server, "config", "get", "--topic", "tuned", "retention.ms", "--json").stdout)
    assert shown["configs"][0]["value"] == "1234567" and shown["configs"][0]["source"] == "topic"
    overrides = leat(server, "config", "get", "--topic", "tuned", "--overrides", "--format", "csv", "--no-headers").stdout
    assert sorted(line.split(",")[0] for line in overrides.splitlines()) == ["max.message.bytes", "retention.ms"]
    assert "INVALID_CONFIG" in leat(server, "config", "set", "--topic", "tuned", "retention.ms=soon", status=1).stderr
    assert leat(server, "config", "get", "--broker=1", "log.dirs").stdout.split()[3] == "log.dirs"
    leat(server, "config", "get", "--topic", "tuned", "no.such", status=1)


def test_cluster_and_ping(server):
    info = json.loads(leat(server, "cluster", "info", "--json").stdout)
    assert len(info["cluster"]) == 22
    assert info["brokers"] == [{"id": 1, "host": server.host, "port": server.port, "rack": None, "controller": True}]
    assert server.address in leat(server, "ping").stdout


def test_unreachable_is_3():
    done = subprocess.run([BUILD / "leat", "ping", "-b", "127.0.0.1:1", "--timeout", "2s"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr and "refused" in done.stderr.lower() and done.stdout == ""


@pytest.mark.parametrize(
    "args, said",
    [
        (["topic", "lsit"], "Did you mean 'topic list'?"),
        (["porduce", "x"], "Did you mean 'produce'?"),
        (["topic"], "leat topic create"),
        (["produce"], "say which topic"),
        (["consume", "t", "-o", "sometimes"], "offset 'sometimes'"),
        (["consume", "t", "-f", "%z"], "no such verb"),
        (["consume", "t", "--grep", "("], "--grep"),
        (["ping", *["-X", "acks=1"] * 65], "more than 64 settings; -F FILE takes any number"),
        (["cat", ""], "the name of a topic is empty"),
        (["topic", "create", "t", "-p", "x"], "want a number"),
        (["ping", "-X", "no.such.key=1"], "no.such.key"),
        (["ping", "--format", "xml"], "want text"),
        (["config", "get"], "--topic NAME"),
        (["consume", "t", "--no-such-flag"], "no-such-flag"),
        (["ping", "-b", "127.0.0.1:99999"], "HOST:PORT"),
    ],
)
def test_wrong_usage_is_2(args, said):
    done = subprocess.run([BUILD / "leat", *args], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stdout == "", done.stderr


def test_help_and_version():
    for args in (["help"], ["--help"], ["help", "format"], ["help", "offsets"], ["help", "config"], ["topic", "create", "--help"]):
        done = subprocess.run([BUILD / "leat", *args], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0 and done.stdout, args
    assert subprocess.run([BUILD / "leat", "version"], capture_output=True, text=True, timeout=30).stdout == "leat 0.1.0\n"


def test_unknown_topic(server):
    assert "UNKNOWN_TOPIC_OR_PARTITION" in leat(server, "cat", "nowhere", status=1).stderr
    assert "not-a/name" in leat(server, "produce", "not-a/name", "--timeout", "3s", "-X", "max.block.ms=2000", stdin="x\n", status=1).stderr


def test_huge_record_is_refused_and_told(server):
    leat(server, "topic", "create", "huge", "-p", "1")
    done = leat(server, "produce", "huge", "-D", "~", stdin="x" * 3_000_000, status=1)
    assert "huge" in done.stderr and "3000000 bytes" in done.stderr and "max.request.size" in done.stderr
    assert leat(server, "cat", "huge").stdout == ""


def test_ctrl_c_prints_the_summary_and_exits_130(server):
    leat(server, "topic", "create", "stream", "-p", "1")
    leat(server, "produce", "stream", "--value", "one")
    process = subprocess.Popen(
        [BUILD / "leat", "consume", "stream", "-u", "-b", server.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "one\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "1 records" in err


def test_precedence(server, tmp_path):
    """Flag, then -X, then LEAT_*, then --command-config, then the profile file."""
    config = tmp_path / "config"
    config.write_text(f"current = good\n[good]\nbootstrap.servers = {server.address}\n[bad]\nbootstrap.servers = 127.0.0.1:1\n")
    environ = {"LEAT_CONFIG": str(config)}
    leat(None, "ping", environ=environ)
    leat(None, "ping", "-P", "bad", "--timeout", "1s", environ=environ, status=3)
    leat(None, "ping", "-P", "bad", environ=dict(environ, LEAT_BOOTSTRAP_SERVERS=server.address))
    leat(None, "ping", "-X", f"bootstrap.servers={server.address}", environ=dict(environ, LEAT_BOOTSTRAP_SERVERS="127.0.0.1:1"))
