"""leat topic, config and cluster where a leatd of the test's own is needed, and what is asked on a terminal.

What holds for every broker stands in test_cli_admin.py. leat's own, as opposed to a Kafka: a partition whose log is damaged
stays with its leader in the metadata, so health has to ask for its offsets.
"""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess

import pytest

from tests.support.cli import environment, run
from tests.support.fake_cluster import FakeCluster
from tests.support.golden import GOLDEN
from tests.support.leatd import BUILD, Leatd


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        yield leatd


def on_terminal(server, *args, answer="", environ=None):
    """Run with stdin and stderr on a terminal of its own; returns exit code, stdout, what the terminal showed."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [BUILD / "leat", *args, "-b", server.address], stdin=slave, stdout=subprocess.PIPE, stderr=slave,
        env=environment(dict(environ or {}, NO_COLOR="1")), start_new_session=True,
    ) as process:
        os.close(slave)
        os.write(master, answer.encode())
        out = process.stdout.read().decode()
        process.wait(timeout=30)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # the other side is closed: all was read
    os.close(master)
    return process.returncode, out, shown.decode().replace("\r\n", "\n")


def test_dangerous_changes_ask_on_a_terminal(server):
    run(server.address, "topic", "create", "asked")
    code, out, shown = on_terminal(server, "topic", "delete", "asked", answer="n\n")
    assert code == 1 and out == "" and "delete asked and all records? [y/N]" in shown
    code, out, _ = on_terminal(server, "topic", "delete", "asked", answer="y\n")
    assert code == 0 and "OK" in out


def test_confirm_always_asks_even_with_yes(server, tmp_path):
    """confirm = always in the profile: changes of every kind ask, --yes does not count, nothing goes without a terminal."""
    config = tmp_path / "config"
    config.write_text("current = prod\n[prod]\nconfirm = always\n[test]\ndescription = not so careful\n")
    environ = {"LEAT_CONFIG": str(config)}
    changes = [
        ["topic", "create", "careful"], ["topic", "alter", "careful", "-c", "retention.ms=1000"],
        ["config", "set", "--topic", "careful", "retention.ms=2000"], ["config", "unset", "--topic", "careful", "retention.ms"],
        ["topic", "add-partitions", "careful", "-n", "1"], ["topic", "delete", "careful"],
    ]
    for change in changes:
        refused = run(server.address, *change, "--yes", environ=environ, status=1)
        assert "confirm = always" in refused.stderr and refused.stdout == "", change
        code, _, shown = on_terminal(server, *change, "--yes", answer="n\n", environ=environ)
        assert code == 1 and "[y/N]" in shown, change
        code, out, _ = on_terminal(server, *change, "--yes", answer="y\n", environ=environ)
        assert code == 0 and "OK" in out, change
    run(server.address, "topic", "create", "careless", "-P", "test", environ=environ)
    run(server.address, "topic", "delete", "careless", "--dry-run", environ=environ)


def test_hints_say_what_to_do_next(server):
    """On a terminal only, and not with -q."""
    run(server.address, "topic", "create", "hinted")
    _, _, shown = on_terminal(server, "topic", "create", "hinted")
    assert shown == ("leat: topic 'hinted' already exists (TOPIC_ALREADY_EXISTS, 36)\n"
                     "hint: use --if-not-exists, or 'leat topic alter hinted'\n")
    _, _, shown = on_terminal(server, "topic", "describe", "nowhere")
    assert "hint: 'leat topic list' shows the topics" in shown
    assert "hint" not in on_terminal(server, "topic", "describe", "nowhere", "-q")[2]
    assert "hint" not in run(server.address, "topic", "describe", "nowhere", status=1).stderr


def test_health_finds_a_partition_that_cannot_be_read(tmp_path):
    """The middle of a log is damaged: exit 1, the partition is named, in JSON too."""
    with Leatd() as server:
        run(server.address, "topic", "create", "damaged", "whole", "-p", "1")
        for value in ("one", "two", "three"):
            run(server.address, "produce", "damaged", "--value", value)
        assert json.loads(run(server.address, "cluster", "health", "--json").stdout)["healthy"] is True
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        log = pathlib.Path(server.data) / "damaged-0" / "00000000000000000000.log"
        content = bytearray(log.read_bytes())
        content[content.index(b"one")] ^= 0xFF
        log.write_bytes(content)
        server.start()
        done = run(server.address, "cluster", "health", "--json", "--timeout", "1s", status=1)
        health = json.loads(done.stdout)
        assert (health["healthy"], health["offline_partitions"], health["unreachable"]) == (False, 1, 0)
        assert [(p["check"], p["resource"]) for p in health["problems"]] == [("offline-partition", "damaged-0")]
        text = run(server.address, "cluster", "health", "--timeout", "1s", status=1).stdout
        assert text.split()[:2] == ["HEALTHY", "false"] and "damaged-0" in text
        listed = json.loads(run(server.address, "topic", "list", "--json", "--timeout", "1s").stdout)["topics"]
        assert {t["name"]: t["records"] for t in listed} == {"damaged": None, "whole": 0}


def cluster_of_two(cluster):
    """Broker 1 answers, broker 2 does not; what is wrong with the partitions of "sick" is in their lists."""
    def partition(number, leader, isr, code=0):
        return {"partition_index": number, "leader_id": leader, "replica_nodes": [1, 2], "isr_nodes": isr, "error_code": code}

    cluster.answers["Metadata"] = {
        "cluster_id": "two", "controller_id": 1,
        "brokers": [{"node_id": 1, "host": cluster.host, "port": cluster.port}, {"node_id": 2, "host": "127.0.0.1", "port": 1}],
        "topics": [
            {"name": "sick", "partitions": [partition(0, 1, [1]), partition(1, -1, [2], 5), partition(2, 1, [1, 2])]},
            {"name": "well", "partitions": [partition(0, 1, [1, 2])]},
        ],
    }


def test_health_of_a_cluster_with_troubles():
    """What only a cluster can have: a broker that is gone, no leader, replicas missing, fewer than min.insync.replicas."""
    answers = {
        "DescribeConfigs": {"results": [{"resource_type": 2, "resource_name": "sick", "configs": [
            {"name": "min.insync.replicas", "value": "2", "config_source": 1, "config_type": 3}]}]},
        "ListOffsets": lambda asked: {"topics": [
            {"name": t["name"], "partitions": [{"partition_index": p["partition_index"], "offset": 7} for p in t["partitions"]]}
            for t in asked["topics"]]},
        "DescribeLogDirs": {"results": [{"error_code": 56, "log_dir": "/broken", "topics": []}]},
    }
    with FakeCluster(answers) as cluster:
        cluster_of_two(cluster)
        health = json.loads(run(cluster.address, "cluster", "health", "--json", "--timeout", "1s", status=1).stdout)
        counts = ("brokers", "unreachable", "offline_dirs", "topics", "partitions", "offline_partitions", "under_replicated",
                  "under_min_isr")
        assert [health[name] for name in counts] == [2, 1, 1, 2, 4, 1, 2, 2] and health["healthy"] is False
        assert [(p["check"], p["resource"]) for p in health["problems"]] == [
            ("unreachable", "broker 2"), ("offline-dir", "broker 1"), ("under-replicated", "sick-0"), ("under-min-isr", "sick-0"),
            ("offline-partition", "sick-1"), ("under-replicated", "sick-1"), ("under-min-isr", "sick-1"),
        ]
        shown = run(cluster.address, "cluster", "brokers", "--json", "--timeout", "1s", status=1)
        brokers = json.loads(shown.stdout)["brokers"]
        assert [(b["id"], b["leaders"], b["replicas"], b["status"] == "OK") for b in brokers] == [(1, 3, 4, True), (2, 0, 4, False)]
        assert "broker 2 (127.0.0.1:1)" in shown.stderr
        logdirs = json.loads(run(cluster.address, "cluster", "logdirs", "--json", "--timeout", "1s", status=1).stdout)["dirs"]
        assert logdirs[0]["status"] == "KAFKA_STORAGE_ERROR" and logdirs[1]["status"] != "OK"


def members(value):
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(members, value.values()))
    return set().union(*map(members, value)) if isinstance(value, list) else set()


def test_format_help_names_the_members():
    """What --format help shows is what the golden files of the command have, no more and no less."""
    seen = {"cluster api-versions": {"apis", "key", "name", "min", "max", "used", "_command", "_version"}}
    for path in GOLDEN.glob("*.json"):
        shown = json.loads(path.read_text())
        if isinstance(shown, dict) and isinstance(shown.get("stdout"), dict):
            seen.setdefault(shown["stdout"]["_command"], set()).update(members(shown["stdout"]))
    seen["config list"] = seen["config get"]
    seen["cluster health"] |= {"check", "resource", "message"}  # of its problems, when there are any
    seen["topic offsets"].add("offset")  # with --at
    nouns = {command: names for command, names in seen.items() if command.split()[0] in ("topic", "config", "cluster")}
    assert len(nouns) == 18
    for command, names in nouns.items():
        text = run(None, *command.split(), "--format", "help").stdout
        assert set(re.findall(r'"(\w+)":', text)) == names, command


def test_all_topics_are_asked_for_together(server):
    """However many topics there are: one request for where their partitions begin, one for where they end."""
    names = [f"together-{i}" for i in range(20)]
    run(server.address, "topic", "create", *names, "-p", "3")
    done = run(server.address, "topic", "list", *names, "-vv")
    assert done.stderr.count("-> ListOffsets") == 2 and done.stderr.count("-> DescribeLogDirs") == 1
    assert len(done.stdout.splitlines()) == 21


def test_nobody_there_is_3():
    for args in (["cluster", "health"], ["topic", "list"], ["config", "diff", "--topic", "t"]):
        done = run("127.0.0.1:1", *args, "--timeout", "1s", status=3)
        assert "127.0.0.1:1" in done.stderr and done.stdout == ""
