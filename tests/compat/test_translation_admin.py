"""The translation table of docs/coming-from-kafka.md, its lines about topics, settings and clusters: the old tool and leat,
each against the same leatd, have the same effect or say the same.

kcat is enough for its own lines; the others need a JDK and Maven.
"""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from tests.compat import kafka
from tests.support.cli import run
from tests.support.leatd import Leatd

TOOLS = "org.apache.kafka.tools."
KCAT = shutil.which("kcat")
with_kafka = pytest.mark.skipif(not kafka.available(), reason="java and mvn are not installed")
with_kcat = pytest.mark.skipif(KCAT is None, reason="kcat is not installed")
MS = 1_771_063_923_101


def tool(server, name, *args):
    return kafka.tool(name, "--bootstrap-server", server.address, *args)


def kcat(server, *args):
    return subprocess.run([KCAT, "-b", server.address, *args], capture_output=True, text=True, timeout=60, check=True).stdout


def leat(server, *args):
    return json.loads(run(server.address, *args, "--json").stdout)


def make(server, topic, partitions=1, count=0):
    run(server.address, "topic", "create", topic, "-p", str(partitions), "-c", "retention.ms=-1")
    rows = "".join(json.dumps({"value": str(i), "timestamp": MS + 1000 * i}) + "\n" for i in range(count))
    run(server.address, "produce", topic, "-p", "0", "--json", stdin=rows)
    return topic


def described(server, topic):
    """All of it but its name and id."""
    shown = leat(server, "topic", "describe", topic)["topics"][0]
    return {k: v for k, v in shown.items() if k not in ("name", "id")}


# ---- kafka-topics ----


@with_kafka
def test_topics_create(server, topic):
    """kafka-topics.sh --create --topic t --partitions 3 = leat topic create t -p 3"""
    theirs, ours = f"{topic}-theirs", f"{topic}-ours"
    tool(server, TOOLS + "TopicCommand", "--create", "--topic", theirs, "--partitions", "3", "--config", "retention.ms=3600000")
    run(server.address, "topic", "create", ours, "-p", "3", "-c", "retention.ms=3600000")
    assert described(server, theirs) == described(server, ours)


@with_kafka
def test_topics_list_and_describe(server, topic):
    """--list = leat topic list; --describe --topic t = leat topic describe t; --topics-with-overrides = leat topic describe
    --all --with-overrides; --under-replicated-partitions and
    --unavailable-partitions = leat cluster health"""
    make(server, topic, 3)
    listed = tool(server, TOOLS + "TopicCommand", "--list").split()
    assert [t["name"] for t in leat(server, "topic", "list", "--internal")["topics"]] == sorted(listed)
    theirs = re.findall(
        r"Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\S+)\s+Isr: (\S+)", tool(server, TOOLS + "TopicCommand", "--describe", "--topic", topic)
    )
    ours = leat(server, "topic", "describe", topic)["topics"][0]["partitions"]
    assert [(int(p), int(l), [int(r)], [int(i)]) for p, l, r, i in theirs] == [
        (p["partition"], p["leader"], p["replicas"], p["isr"]) for p in ours
    ]
    plain = f"{topic}-plain"
    run(server.address, "topic", "create", plain)
    theirs = set(re.findall(r"^Topic: (\S+)", tool(server, TOOLS + "TopicCommand", "--describe", "--topics-with-overrides"), re.M))
    assert theirs == {t["name"] for t in leat(server, "topic", "describe", "--all", "--with-overrides")["topics"]}
    assert topic in theirs and plain not in theirs
    for flag in ("--under-replicated-partitions", "--unavailable-partitions"):
        assert tool(server, TOOLS + "TopicCommand", "--describe", flag).split() == []
    assert leat(server, "cluster", "health")["healthy"] is True


@with_kafka
def test_topics_alter_and_delete(server, topic):
    """--alter --topic t --partitions 5 = leat topic add-partitions t -p 5; --delete --topic t = leat topic delete t"""
    theirs, ours = make(server, f"{topic}-theirs"), make(server, f"{topic}-ours")
    tool(server, TOOLS + "TopicCommand", "--alter", "--topic", theirs, "--partitions", "5")
    run(server.address, "topic", "add-partitions", ours, "-p", "5")
    assert described(server, theirs) == described(server, ours)
    assert described(server, ours)["partition_count"] == 5
    tool(server, TOOLS + "TopicCommand", "--delete", "--topic", theirs)
    run(server.address, "topic", "delete", ours, "-y")
    assert {theirs, ours}.isdisjoint(t["name"] for t in leat(server, "topic", "list")["topics"])


# ---- kafka-configs ----


@with_kafka
def test_configs(server, topic):
    """--alter --entity-type topics --entity-name t --add-config k=v = leat config set --topic t k=v; --delete-config k =
    leat config unset --topic t k; --describe = leat config list --topic t --overrides"""
    theirs, ours = make(server, f"{topic}-theirs"), make(server, f"{topic}-ours")
    entity = ["--entity-type", "topics", "--entity-name", theirs]
    tool(server, "kafka.admin.ConfigCommand", "--alter", *entity, "--add-config", "segment.ms=70000,cleanup.policy=compact")
    run(server.address, "config", "set", "--topic", ours, "segment.ms=70000", "cleanup.policy=compact")
    assert described(server, theirs) == described(server, ours)
    tool(server, "kafka.admin.ConfigCommand", "--alter", *entity, "--delete-config", "segment.ms")
    run(server.address, "config", "unset", "--topic", ours, "segment.ms")
    assert described(server, theirs) == described(server, ours)
    tool(server, "kafka.admin.ConfigCommand", "--alter", *entity, "--add-config", "max.message.bytes=2000000")
    run(server.address, "topic", "alter", ours, "-c", "max.message.bytes=2000000")
    assert described(server, theirs) == described(server, ours)
    shown = dict(re.findall(r"^\s+(\S+?)=(\S*) sensitive", tool(server, "kafka.admin.ConfigCommand", "--describe", *entity), re.M))
    assert shown == {row["key"]: row["value"] for row in leat(server, "config", "list", "--topic", ours, "--overrides")["configs"]}
    assert shown == {"cleanup.policy": "compact", "max.message.bytes": "2000000", "retention.ms": "-1"}


@with_kafka
def test_configs_of_all_brokers(server):
    """--entity-type brokers --entity-default = leat config .. --broker; --entity-name 1 = --broker 1"""
    run(server.address, "config", "set", "--broker", "log.retention.ms=3600000")
    entity = ["--entity-type", "brokers", "--entity-default"]
    assert "log.retention.ms=3600000" in tool(server, "kafka.admin.ConfigCommand", "--describe", *entity)
    tool(server, "kafka.admin.ConfigCommand", "--alter", *entity, "--delete-config", "log.retention.ms")
    assert leat(server, "config", "list", "--broker")["configs"] == []
    entity = ["--entity-type", "brokers", "--entity-name", "1"]
    tool(server, "kafka.admin.ConfigCommand", "--alter", *entity, "--add-config", "log.retention.ms=7200000")
    assert leat(server, "config", "get", "--broker", "1", "log.retention.ms")["configs"][0]["source"] == "broker"
    run(server.address, "config", "unset", "--broker", "1", "log.retention.ms")
    assert "log.retention.ms" not in tool(server, "kafka.admin.ConfigCommand", "--describe", *entity)


# ---- records ----


@with_kafka
def test_delete_records(server, topic, tmp_path):
    """kafka-delete-records.sh = leat topic trim t -o 30"""
    theirs, ours = make(server, f"{topic}-theirs", 1, 100), make(server, f"{topic}-ours", 1, 100)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": theirs, "partition": 0, "offset": 30}]}))
    tool(server, TOOLS + "DeleteRecordsCommand", "--offset-json-file", str(plan))
    run(server.address, "topic", "trim", ours, "-o", "30", "-y")
    assert described(server, theirs) == described(server, ours)
    assert described(server, ours)["partitions"][0]["log_start_offset"] == 30


@with_kafka
@pytest.mark.parametrize("time, at", [
    ("-1", "end"), ("-2", "start"), ("-3", "max-timestamp"), ("latest", "end"), ("earliest", "start"), (str(MS + 4500), f"@{MS + 4500}"),
])
def test_get_offsets(server, topic, time, at):
    """kafka-get-offsets.sh --topic t --time T = leat topic offsets t --at POINT"""
    make(server, topic, 1, 10)
    theirs = tool(server, TOOLS + "GetOffsetShell", "--topic", topic, "--time", time).split()[-1]
    ours = leat(server, "topic", "offsets", topic, "--at", at)["offsets"][0]
    assert theirs == f"{topic}:0:{ours['offset']}"


@with_kafka
def test_get_offsets_behind_the_end(server, topic):
    """There is no such record: Kafka prints no line, leat gives where reading would begin."""
    make(server, topic, 1, 10)
    said = tool(server, TOOLS + "GetOffsetShell", "--topic", topic, "--time", str(MS + 60000))
    assert said.split() == []
    assert leat(server, "topic", "offsets", topic, "--at", f"@{MS + 60000}")["offsets"][0]["offset"] == 10


@with_kcat
def test_kcat_query(server, topic):
    """kcat -Q -t t:0:MS = leat topic offsets t --at @MS; behind the last record kcat says -1, leat the end."""
    make(server, topic, 1, 10)
    for i, ms in enumerate(range(MS - 500, MS + 9000, 1000)):
        theirs = kcat(server, "-Q", "-t", f"{topic}:0:{ms}").split()[-1]
        assert theirs == str(leat(server, "topic", "offsets", topic, "--at", f"@{ms}")["offsets"][0]["offset"]) == str(i)
    late = MS + 60000
    assert kcat(server, "-Q", "-t", f"{topic}:0:{late}").split()[-1] == "-1"
    assert leat(server, "topic", "offsets", topic, "--at", f"@{late}")["offsets"][0]["offset"] == 10


# ---- clusters and files ----


@with_kcat
def test_kcat_list(server, topic):
    """kcat -L = leat cluster brokers, leat topic list"""
    make(server, topic, 3)
    listing = kcat(server, "-L")
    for broker in leat(server, "cluster", "brokers")["brokers"]:
        assert f"broker {broker['id']} at {broker['host']}:{broker['port']} (controller)" in listing
    for shown in leat(server, "topic", "list", "--internal")["topics"]:
        assert f'topic "{shown["name"]}" with {shown["partitions"]} partitions' in listing


@with_kafka
def test_cluster_id_and_api_versions(server):
    """kafka-cluster.sh cluster-id = leat cluster info; kafka-broker-api-versions.sh = leat cluster api-versions"""
    assert leat(server, "cluster", "info")["cluster"] in kafka.tool(
        TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", server.address
    )
    theirs = tool(server, TOOLS + "BrokerApiVersionsCommand")
    for api in leat(server, "cluster", "api-versions")["apis"]:
        span = f"{api['min']} to {api['max']}" if api["min"] < api["max"] else str(api["min"])
        assert re.search(rf"{api['name']}\({api['key']}\): {span} ", theirs), api


@with_kafka
def test_log_dirs(server, topic):
    """kafka-log-dirs.sh --describe --topic-list t = leat cluster logdirs t"""
    make(server, topic, 2, 50)
    said = tool(server, TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)
    theirs = json.loads(next(line for line in said.splitlines() if line.startswith("{")))["brokers"][0]["logDirs"][0]
    ours = leat(server, "cluster", "logdirs", topic)["partitions"]
    assert {(theirs["logDir"], p["partition"], p["size"], p["offsetLag"]) for p in theirs["partitions"]} == {
        (p["dir"], f"{p['topic']}-{p['partition']}", p["bytes"], p["lag"]) for p in ours
    }


@with_kafka
def test_dump_log(topic):
    """kafka-dump-log.sh --files F --print-data-log = leat segment dump F --print-data-log: the same facts of each record."""
    with Leatd() as server:
        make(server, topic, 1, 20)
        file = str(pathlib.Path(server.data) / f"{topic}-0" / "00000000000000000000.log")
        assert server.stop() == 0
        theirs = kafka.tool(TOOLS + "DumpLogSegments", "--files", file, "--print-data-log")
        ours = run(None, "segment", "dump", "--print-data-log", file).stdout
        fact = re.compile(r"offset: (\d+) CreateTime: (\d+) keySize: (-?\d+) valueSize: (-?\d+).*payload: (\S*)")
        assert fact.findall(theirs) == fact.findall(ours) and len(fact.findall(ours)) == 20
        assert re.findall(r"baseOffset: \d+ lastOffset: \d+ count: \d+", theirs) == re.findall(
            r"baseOffset: \d+ lastOffset: \d+ count: \d+", ours
        )
