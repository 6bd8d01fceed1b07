"""leat topic, config and cluster: every command's JSON, CSV and text of some, what many names and failures do.

All of this holds for every broker that speaks the protocol: tests/compat/test_cli_admin_on_kafka.py runs the same functions
against a Kafka. What is leatd's own stands in test_cli_admin_leatd.py. Golden files: tests/support/golden.py.
"""

import itertools
import json
import os

import pytest

from tests.support.cli import run
from tests.support.golden import check
from tests.support.leatd import Leatd

MS = 1_771_063_923_101  # 2026-02-14T10:12:03.101Z
_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker():
    with Leatd({"auto.create.topics.enable": "false"}) as leatd:
        yield leatd


def fresh(stem):
    """A name that no other test uses; golden files have the stem alone."""
    return f"{stem}-{os.getpid()}-{next(_numbers)}"


def make(broker, stem, partitions=1, *more):
    name = fresh(stem)
    run(broker.address, "topic", "create", name, "-p", str(partitions), "-c", "retention.ms=-1", *more)
    return name


def fill(broker, topic, count=10, partition="0"):
    """Records a second apart from MS on, in one partition."""
    rows = "".join(json.dumps({"value": str(i), "timestamp": MS + 1000 * i}) + "\n" for i in range(count))
    run(broker.address, "produce", topic, "-p", partition, "--json", stdin=rows)


def rows(broker, *args, status=0):
    """The rows of a command's JSON: its only list on the top level."""
    shown = json.loads(run(broker.address, *args, "--json", status=status).stdout)
    return next(v for k, v in shown.items() if isinstance(v, list))


# ---- topic ----


def test_topic_create(broker):
    name, other = fresh("orders"), fresh("others")
    check(broker, "topic-create-dry-run", "topic", "create", name, "-p", "3", "--dry-run", "--json", topics=[name])
    check(broker, "topic-create", "topic", "create", name, "-p", "3", "--json", topics=[name], repeat=False)
    check(broker, "topic-create-exists", "topic", "create", name, "--json", topics=[name])
    check(broker, "topic-create-if-not-exists", "topic", "create", name, "--if-not-exists", "--json", topics=[name])
    names = [name, other]
    check(broker, "topic-create-some", "topic", "create", *names, "-p", "2", "--json", topics=names, repeat=False)
    never = fresh("never")
    check(broker, "topic-create-refused", "topic", "create", never, "-c", "no.such=1", "--json", topics=[never])


def test_topic_list(broker):
    first, second = make(broker, "list-a", 2), make(broker, "list-b", 1)
    fill(broker, first, 7)
    both = [first, second]
    for form in ("--json", "--format=csv", "--format=text", "--format=wide"):
        name = "topic-list" + form.replace("--format=", "-").replace("--json", "")
        check(broker, name, "topic", "list", f"list-[ab]-{os.getpid()}-.*", "-r", form, topics=both)
    check(broker, "topic-list-missing", "topic", "list", "nowhere", first, "--json", topics=both)
    assert {first, second} <= {row["name"] for row in rows(broker, "topic", "ls")}
    assert run(broker.address, "topic", "list", first, "--no-headers").stdout.split()[:4] == [first, "2", "1", "7"]


def test_topic_describe(broker):
    name = make(broker, "shown", 2)
    fill(broker, name, 4)
    check(broker, "topic-describe", "topic", "describe", name, "-s", "-p", "--with-overrides", "--json", topics=[name])
    check(broker, "topic-describe-text", "topic", "describe", name, topics=[name])
    check(broker, "topic-describe-csv", "topic", "describe", name, "--format", "csv", topics=[name])
    check(broker, "topic-describe-missing", "topic", "describe", "nowhere", name, "-s", "--json", topics=[name])
    whole = rows(broker, "topic", "describe", name)[0]
    assert len(whole["partitions"]) == 2 and len(whole["configs"]) > 20
    assert run(broker.address, "topic", "describe", name, "-a", "--format", "csv", status=2).stdout == ""
    plain = fresh("plain")
    run(broker.address, "topic", "create", plain)
    assert plain not in run(broker.address, "topic", "describe", "--all", "--with-overrides").stdout
    assert plain in run(broker.address, "topic", "describe", "--all", "-s").stdout


def test_topic_alter(broker):
    name = make(broker, "altered")
    change = ["topic", "alter", name, "-c", "max.message.bytes=2000000", "--unset", "retention.ms", "--json"]
    check(broker, "topic-alter-dry-run", *change, "--dry-run", topics=[name])
    check(broker, "topic-alter", *change, topics=[name])
    check(broker, "topic-alter-result", "config", "get", "--topic", name, "max.message.bytes", "retention.ms", "--json",
          topics=[name])
    check(broker, "topic-alter-refused", "topic", "alter", name, "nowhere", "-c", "retention.ms=soon", "--json", topics=[name])
    assert "needs --yes" in run(broker.address, "topic", "alter", "altered-.*", "-r", "-c", "retention.ms=1", status=1).stderr


def test_topic_add_partitions(broker):
    name = make(broker, "grown")
    check(broker, "topic-add-partitions-dry-run", "topic", "add-partitions", name, "-n", "2", "--dry-run", "--json", topics=[name])
    check(broker, "topic-add-partitions", "topic", "add-partitions", name, "-p", "3", "--json", topics=[name], repeat=False)
    check(broker, "topic-add-partitions-refused", "topic", "add-partitions", name, "-p", "2", "--json", topics=[name])
    check(broker, "topic-add-partitions-result", "topic", "offsets", name, "--json", topics=[name])


def test_topic_offsets(broker):
    name = make(broker, "counted", 2)
    fill(broker, name, 10)
    check(broker, "topic-offsets", "topic", "offsets", name, "--json", topics=[name])
    check(broker, "topic-offsets-some", "topic", "offsets", name, "nowhere", "-p", "0,5", "--json", topics=[name])
    points = {
        "start": 0, "end": 10, "-3": 7, "+4": 4, "6": 6, f"@{MS + 4500}": 5, "@2026-02-14T10:12:06Z": 3,
        "@2026-02-14": 0, "@now": 10, "max-timestamp": 9, "earliest": 0, "latest": 10,
    }
    for point, offset in points.items():
        shown = rows(broker, "topic", "offsets", name, f"--at={point}", "-p", "0")
        assert shown == [{"topic": name, "partition": 0, "offset": offset, "status": "OK", "message": None}], point
    assert rows(broker, "topic", "offsets", name, "--at", "max-timestamp", "-p", "1")[0]["offset"] is None
    assert "offset 'soon'" in run(broker.address, "topic", "offsets", name, "--at", "soon", status=2).stderr
    assert name in run(broker.address, "topic", "offsets", "--all").stdout


def test_topic_trim(broker):
    name = make(broker, "trimmed", 2)
    fill(broker, name, 10)
    fill(broker, name, 3, "1")
    check(broker, "topic-trim-asks", "topic", "trim", name, "-o", "2", "--json", topics=[name])
    check(broker, "topic-trim-dry-run", "topic", "trim", name, "-o", "2", "--dry-run", "--json", topics=[name])
    check(broker, "topic-trim", "topic", "trim", name, "-o", "2", "-y", "--json", topics=[name], repeat=False)
    check(broker, "topic-trim-beyond", "topic", "trim", name, "nowhere", "-o", "5", "-y", "--json", topics=[name], repeat=False)
    run(broker.address, "topic", "trim", name, "-o", f"@{MS + 7000}", "-p", "0", "-y")
    run(broker.address, "topic", "trim", name, "-o", "end", "-p", "1", "-y")
    shown = [(row["start"], row["end"], row["records"]) for row in rows(broker, "topic", "offsets", name)]
    assert shown == [(7, 10, 3), (3, 3, 0)]
    assert rows(broker, "topic", "trim", name, "-o", "-1", "-p", "0", "-y")[0]["deleted"] == 2


def test_topic_delete(broker):
    names = [make(broker, f"gone-{i}") for i in range(4)]
    check(broker, "topic-delete-dry-run", "topic", "delete", *names[:2], "--dry-run", "--json", topics=names)
    check(broker, "topic-delete-asks", "topic", "delete", names[0], topics=names)
    check(broker, "topic-delete", "topic", "delete", *names[:2], "nowhere", "-y", "--json", topics=names, repeat=False)
    check(broker, "topic-delete-unmatched", "topic", "delete", "-r", "nothing-like-.*", "-y", "--json")
    one = "gone-2"  # matches the beginning of names only: whole names are meant
    assert "no topic matches" in run(broker.address, "topic", "rm", "-r", one, "-y", status=1).stderr
    run(broker.address, "topic", "rm", "-r", rf"gone-[23]-{os.getpid()}-\d+", "-y", status=1)  # \d is not extended syntax
    run(broker.address, "topic", "rm", "-r", f"gone-[23]-{os.getpid()}-[0-9]+", "-y")
    check(broker, "topic-delete-result", "topic", "list", *names, "--json", topics=names)


# ---- config ----


def test_config_list_and_get(broker):
    name = make(broker, "tuned")
    own = {row["key"]: row["source"] for row in rows(broker, "config", "list", "--topic", name, "--overrides")}
    assert own.pop("retention.ms") == "topic" and "topic" not in own.values()  # a Kafka has min.insync.replicas from the cluster
    assert len(rows(broker, "config", "list", "--topic", name)) > 20
    check(broker, "config-get", "config", "get", "--topic", name, "retention.ms", "cleanup.policy", "--json", topics=[name])
    check(broker, "config-get-wide", "config", "get", "--topic", name, "retention.ms", "--format", "wide", topics=[name])
    check(broker, "config-get-csv", "config", "get", "--topic", name, "max.message.bytes", "--format", "csv", topics=[name])
    check(broker, "config-get-unknown", "config", "get", "--topic", name, "retention.m", "--json", topics=[name])
    check(broker, "config-get-missing", "config", "get", "--topic", name, "--topic", "nowhere", "retention.ms", "--json",
          topics=[name])
    number = rows(broker, "cluster", "info")[0]["id"]
    for flag in (["--broker", str(number)], [f"--broker={number}"]):
        assert rows(broker, "config", "get", "num.partitions", *flag)[0]["value"] == "1"
    assert len(rows(broker, "config", "list", "--broker", str(number))) > 50
    check(broker, "config-get-no-broker", "config", "get", "--broker", "4711", "num.partitions", "--json")


def test_config_set_and_unset(broker):
    first, second = make(broker, "set-a"), make(broker, "set-b")
    both = [first, second]
    change = ["config", "set", "--topic", first, "--topic", second, "max.message.bytes=2000000", "cleanup.policy=compact", "--json"]
    check(broker, "config-set-dry-run", *change, "--dry-run", topics=both)
    check(broker, "config-set", *change, topics=both)
    check(broker, "config-set-refused", "config", "set", "--topic", first, "--topic", "nowhere", "retention.ms=soon", "--json",
          topics=both)
    check(broker, "config-unset", "config", "unset", "--topic", second, "cleanup.policy", "--json", topics=both)
    check(broker, "config-set-result", "config", "get", "-r", "--topic", f"set-[ab]-{os.getpid()}-.*", "cleanup.policy",
          "max.message.bytes", "--json", topics=both)


def test_config_set_of_all_brokers(broker):
    """The value of all brokers wins over the default of a topic that has none of its own; its default is told in its own unit."""
    name = fresh("inherits")
    run(broker.address, "topic", "create", name)
    run(broker.address, "config", "set", "--broker", "log.retention.ms=77777")
    try:
        check(broker, "config-get-brokers", "config", "get", "--broker", "log.retention.ms", "--json")
        check(broker, "config-diff-inherited", "config", "diff", "--topic", name, "--json", topics=[name])
    finally:
        run(broker.address, "config", "unset", "--broker", "log.retention.ms")
    check(broker, "config-get-brokers-none", "config", "get", "--broker", "log.retention.ms", "--json")


def test_config_diff(broker):
    first, second = make(broker, "diff-a"), make(broker, "diff-b", 1, "-c", "cleanup.policy=compact")
    both = [first, second]
    check(broker, "config-diff", "config", "diff", "--topic", second, "--json", topics=both)
    check(broker, "config-diff-text", "config", "diff", "--topic", second, topics=both)
    check(broker, "config-diff-two", "config", "diff", "--topic", first, "--topic", second, "--json", topics=both)
    check(broker, "config-diff-two-text", "config", "diff", "--topic", first, "--topic", second, topics=both)
    check(broker, "config-diff-missing", "config", "diff", "--topic", first, "--topic", "nowhere", "--json", topics=both)
    number = str(rows(broker, "cluster", "info")[0]["id"])
    assert "listeners" in {row["key"] for row in rows(broker, "config", "diff", "--broker", number)}
    assert rows(broker, "config", "diff", "--broker", number, "--broker", number) == []


@pytest.mark.parametrize("args, said", [
    (["config", "get", "--group", "g", "x"], "consumer groups are not in this release"),
    (["config", "set", "--group", "g", "a=b"], "consumer groups are not in this release"),
    (["config", "diff", "--topic", "a", "--broker", "1"], "two of a kind"),
    (["config", "get", "x"], "say whose settings"),
    (["config", "set", "--topic", "t"], "key=value"),
    (["config", "set", "--topic", "t", "a"], "want key=value"),
    (["config", "unset", "--topic", "t", "a=b"], "want the key alone"),
    (["config", "list", "--topic", "t", "a"], "no keys here"),
    (["config", "list", "--broker=x"], "number of a broker"),
    (["topic", "delete"], "say which topic, or --all"),
    (["topic", "delete", "a", "--all"], "not both"),
    (["topic", "delete", "-r"], "say which names"),
    (["topic", "alter", "t"], "-c key=value or --unset key"),
    (["topic", "alter", "t", "-p", "3"], "add-partitions"),
    (["topic", "add-partitions", "t"], "-p TOTAL or -n MORE"),
    (["topic", "add-partitions", "t", "-n", "0"], "want a number"),
    (["topic", "trim", "t"], "-o OFFSET"),
    (["topic", "trim", "t", "-o", "soon"], "offset 'soon'"),
    (["topic", "offsets", "t", "-p", "x"], "0,3"),
    (["cluster", "health", "x"], "no names here"),
])
def test_wrong_usage_is_told(broker, args, said):
    done = run(broker.address, *args, status=2)
    assert said in done.stderr and done.stdout == ""


def test_expressions_that_are_none(broker):
    assert "no regular expression" in run(broker.address, "topic", "list", "-r", "(", status=1).stderr


# ---- cluster ----


def test_cluster(broker):
    name = make(broker, "placed", 2)
    check(broker, "cluster-info", "cluster", "info", "--json")
    check(broker, "cluster-brokers", "cluster", "brokers", "--json")
    check(broker, "cluster-health", "cluster", "health", "--json")
    check(broker, "cluster-logdirs", "cluster", "logdirs", "--json")
    check(broker, "cluster-logdirs-topic", "cluster", "logdirs", name, "--json", topics=[name])
    check(broker, "cluster-logdirs-missing", "cluster", "logdirs", "nowhere", "--json")
    health = run(broker.address, "cluster", "health").stdout
    assert health.split()[:2] == ["HEALTHY", "true"] and "OFFLINE-PARTITIONS  0" in health


def test_cluster_api_versions(broker):
    shown = {row["name"]: row for row in rows(broker, "cluster", "api-versions")}
    assert {"Produce", "Fetch", "Metadata", "ApiVersions", "DescribeConfigs"} <= set(shown)
    assert all(row["min"] <= row["max"] for row in shown.values())
    assert shown["Metadata"]["used"] == 12 and shown["AlterConfigs"]["used"] is None
