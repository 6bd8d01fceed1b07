"""The same requests to leat and to a real Kafka 4.3.1, answers compared: metadata, topics, settings, offsets.

What must differ is taken out first: addresses, ids, the settings that leat has not or has with another default. Needs a JDK
and Maven (or LEAT_ORACLE=HOST:PORT of a Kafka that is up); without them it is skipped.

    python3 -m tests.compat.test_oracle_admin LEAT_HOST:PORT KAFKA_HOST:PORT     prints every difference
"""

import pathlib
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.compat import oracle  # noqa: E402
from tests.support.codec import Client  # noqa: E402
from tests.support.leatd import Leatd  # noqa: E402
from tests.support.wire import Record, build_batch  # noqa: E402

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3
ABSENT_ID = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
ZERO_ID = uuid.UUID(int=0)


def topic(name, partitions=1, replication=1, assignments=(), configs=()):
    return {"name": name, "num_partitions": partitions, "replication_factor": replication,
            "assignments": [{"partition_index": p, "broker_ids": list(b)} for p, b in assignments],
            "configs": [{"name": k, "value": v} for k, v in configs]}


def create(*topics, validate_only=False):
    return {"topics": list(topics), "timeout_ms": 30000, "validate_only": validate_only}


def grow(name, count, assignments=None):
    return {"name": name, "count": count,
            "assignments": None if assignments is None else [{"broker_ids": list(b)} for b in assignments]}


def describe(kind, name, keys=None, synonyms=True):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configuration_keys": keys}],
            "include_synonyms": synonyms, "include_documentation": False}


def incremental(kind, name, *entries, validate_only=False):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": [
        {"name": n, "config_operation": op, "value": v} for n, op, v in entries]}], "validate_only": validate_only}


def alter(kind, name, *entries, validate_only=False):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": [
        {"name": n, "value": v} for n, v in entries]}], "validate_only": validate_only}


def offsets(name, *partitions, isolation=0, replica=-1):
    return {"replica_id": replica, "isolation_level": isolation, "timeout_ms": 10000, "topics": [{"name": name, "partitions": [
        {"partition_index": p, "timestamp": t, "current_leader_epoch": e} for p, t, e in partitions]}]}


def metadata(*names, auto=False, **more):
    return {"topics": [{"name": n} for n in names], "allow_auto_topic_creation": auto, **more}


def produce(name, *batches):
    return {"transactional_id": None, "acks": -1, "timeout_ms": 10000, "topic_data": [{"name": name, "partition_data": [
        {"index": 0, "records": build_batch([Record(timestamp=t, key=b"k", value=b"v") for t in times])}]} for times in batches]}


LONG = "x" * 250
STEPS = [
    # ---- creating
    ("create", "CreateTopics", 7, create(topic("plain"), topic("three", 3), topic("dotted.name"))),
    ("create again", "CreateTopics", 7, create(topic("plain"))),
    ("create twice in one request", "CreateTopics", 7, create(topic("twice"), topic("twice"))),
    ("bad names", "CreateTopics", 7, create(topic(""), topic("."), topic(".."), topic("a b"), topic("ü"), topic(LONG), topic("a/b"))),
    ("collision", "CreateTopics", 7, create(topic("dotted_name"))),
    ("no partitions", "CreateTopics", 7, create(topic("p0", 0), topic("p-2", -2))),
    ("bad replication", "CreateTopics", 7, create(topic("r0", 1, 0), topic("r-2", 1, -2), topic("r3", 1, 3))),
    ("defaults", "CreateTopics", 7, create(topic("defaults", -1, -1))),
    ("defaults, old version", "CreateTopics", 2, create(topic("defaults2", -1, -1))),
    ("assigned", "CreateTopics", 7, create(topic("assigned", -1, -1, [(0, [1]), (1, [1])]))),
    ("assigned and counted", "CreateTopics", 7, create(topic("a1", 2, -1, [(0, [1])]), topic("a2", -1, 1, [(0, [1])]),
                                                       topic("a3", 1, 1, [(0, [1])]))),
    ("assigned badly", "CreateTopics", 7, create(
        topic("b1", -1, -1, [(0, [])]), topic("b2", -1, -1, [(0, [7])]), topic("b3", -1, -1, [(0, [1, 1])]),
        topic("b4", -1, -1, [(0, [1]), (2, [1])]), topic("b5", -1, -1, [(0, [1]), (0, [1])]), topic("b6", -1, -1, [(1, [1])]))),
    ("settings", "CreateTopics", 7, create(topic("set", 1, 1, (), [("retention.ms", "1000"), ("cleanup.policy", "compact,delete")]))),
    ("bad settings", "CreateTopics", 7, create(
        topic("c1", 1, 1, (), [("no.such", "1")]), topic("c2", 1, 1, (), [("retention.ms", "abc")]),
        topic("c3", 1, 1, (), [("retention.ms", None)]), topic("c4", 1, 1, (), [("segment.bytes", "1")]),
        topic("c5", 1, 1, (), [("cleanup.policy", "shred")]), topic("c6", 1, 1, (), [("compression.type", "rar")]),
        topic("c7", 1, 1, (), [("min.cleanable.dirty.ratio", "1.5")]), topic("c8", 1, 1, (), [("preallocate", "maybe")]),
        topic("c9", 1, 1, (), [("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "4")]),
        topic("c10", 1, 1, (), [("remote.storage.enable", "true")]), topic("c11", 1, 1, (), [("compression.gzip.level", "0")]),
        topic("c12", 1, 1, (), [("follower.replication.throttled.replicas", "x")]),
        topic("c13", 1, 1, (), [("retention.ms", "99999999999999999999")]),
        topic("c16", 1, 1, (), [("cleanup.policy", "")]),
        topic("c17", 1, 1, (), [("message.format.version", "2.0")]), topic("c18", 1, 1, (), [("retention.ms", "-2")]),
        topic("c19", 1, 1, (), [("retention.ms", "1"), ("retention.ms", "2")]), topic("c20", 1, 1, (), [("retention.ms", "")]))),
    ("settings as Kafka repeats them", "CreateTopics", 7, create(
        topic("c14", 1, 1, (), [("retention.ms", " 7 ")]), topic("c15", 1, 1, (), [("cleanup.policy", "delete,delete")]))),
    ("validated only", "CreateTopics", 7, create(topic("validated", 2), topic("plain"), validate_only=True)),
    ("nothing of it was made", "Metadata", 12, metadata("validated", "p0", "twice", "c1")),
    ("nothing to create", "CreateTopics", 7, create()),
    # ---- metadata
    ("metadata by name", "Metadata", 12, metadata("plain", "three", "plain", "absent", "a b", "", LONG)),
    ("metadata v0", "Metadata", 0, metadata("plain")),
    ("metadata v1, none", "Metadata", 1, metadata()),
    ("metadata, operations", "Metadata", 8, metadata("plain", "absent", include_cluster_authorized_operations=True,
                                                     include_topic_authorized_operations=True)),
    ("metadata by unknown id", "Metadata", 12, {"topics": [{"topic_id": ABSENT_ID, "name": None}]}),
    ("metadata by zero id", "Metadata", 12, {"topics": [{"topic_id": ZERO_ID, "name": None}]}),
    ("metadata v10 by id", "Metadata", 10, {"topics": [{"topic_id": ABSENT_ID, "name": "plain"}]}),
    ("metadata v13", "Metadata", 13, metadata("plain")),
    ("cluster", "DescribeCluster", 2, {"include_cluster_authorized_operations": True}),
    ("cluster, controllers", "DescribeCluster", 1, {"endpoint_type": 2}),
    ("cluster, nonsense", "DescribeCluster", 1, {"endpoint_type": 9}),
    ("partitions, first page", "DescribeTopicPartitions", 0, {"topics": [{"name": "three"}, {"name": "plain"}],
                                                             "response_partition_limit": 2}),
    ("partitions, next page", "DescribeTopicPartitions", 0, {"topics": [{"name": "three"}, {"name": "plain"}],
                                                            "response_partition_limit": 2,
                                                            "cursor": {"topic_name": "three", "partition_index": 1}}),
    ("partitions, absent", "DescribeTopicPartitions", 0, {"topics": [{"name": "absent"}, {"name": "a b"}, {"name": "three"}]}),
    ("partitions, cursor past the end", "DescribeTopicPartitions", 0, {"topics": [{"name": "three"}],
                                                                      "cursor": {"topic_name": "three", "partition_index": 9}}),
    # ---- growing
    ("grow", "CreatePartitions", 3, {"topics": [grow("plain", 2)], "timeout_ms": 30000}),
    ("grow badly", "CreatePartitions", 3, {"topics": [grow("plain", 2), grow("three", 1), grow("absent", 3), grow("set", 0),
                                                     grow("assigned", -1)], "timeout_ms": 30000}),
    ("grow twice", "CreatePartitions", 3, {"topics": [grow("three", 5), grow("three", 6)], "timeout_ms": 30000}),
    ("grow, assigned", "CreatePartitions", 3, {"topics": [grow("assigned", 3, [[1]]), grow("set", 3, [[1]]), grow("three", 4, [[7]]),
                                                         grow("plain", 3, [[]])], "timeout_ms": 30000}),
    ("grow, validated only", "CreatePartitions", 3, {"topics": [grow("three", 9)], "timeout_ms": 30000, "validate_only": True}),
    ("grown", "Metadata", 12, metadata("plain", "three", "assigned")),
    # ---- settings of topics
    ("describe topic", "DescribeConfigs", 4, describe(TOPIC, "set")),
    ("describe keys", "DescribeConfigs", 4, describe(TOPIC, "set", ["retention.ms", "no.such", "segment.bytes"])),
    ("describe no keys", "DescribeConfigs", 4, describe(TOPIC, "set", [])),
    ("describe absent", "DescribeConfigs", 4, describe(TOPIC, "absent")),
    ("describe bad name", "DescribeConfigs", 4, describe(TOPIC, "a b")),
    ("describe empty name", "DescribeConfigs", 4, describe(TOPIC, "")),
    ("describe unknown type", "DescribeConfigs", 4, describe(3, "x")),
    ("describe v1", "DescribeConfigs", 1, describe(TOPIC, "plain", ["retention.ms"])),
    ("set", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", SET, "5000"), ("max.message.bytes", SET, "2000"))),
    ("is set", "DescribeConfigs", 4, describe(TOPIC, "plain", ["retention.ms", "max.message.bytes"])),
    ("validated", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", SET, "1"), validate_only=True)),
    ("append", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("cleanup.policy", APPEND, "compact"))),
    ("appended", "DescribeConfigs", 4, describe(TOPIC, "plain", ["cleanup.policy", "retention.ms"])),
    ("append again", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("cleanup.policy", APPEND, "compact"))),
    ("subtract", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("cleanup.policy", SUBTRACT, "delete"))),
    ("subtracted", "DescribeConfigs", 4, describe(TOPIC, "plain", ["cleanup.policy"])),
    ("subtract what is not there", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("cleanup.policy", SUBTRACT, "delete"))),
    ("append to a number", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", APPEND, "1"))),
    ("subtract from a number", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", SUBTRACT, "1"))),
    ("unset", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("cleanup.policy", DELETE, None), ("flush.ms", DELETE, None))),
    ("set null", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", SET, None))),
    ("unknown name", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("no.such", SET, "1"))),
    ("unset unknown name", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("no.such", DELETE, None))),
    ("bad value", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("retention.ms", SET, "soon"))),
    ("same key twice", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain", ("flush.ms", SET, "1"), ("flush.ms", SET, "2"))),
    ("absent topic", "IncrementalAlterConfigs", 1, incremental(TOPIC, "absent", ("flush.ms", SET, "1"))),
    ("bad topic name", "IncrementalAlterConfigs", 1, incremental(TOPIC, "a b", ("flush.ms", SET, "1"))),
    ("unknown type", "IncrementalAlterConfigs", 1, incremental(5, "x", ("flush.ms", SET, "1"))),
    ("same topic twice", "IncrementalAlterConfigs", 1, {"resources": 2 * incremental(TOPIC, "plain", ("flush.ms", SET, "1"))["resources"]}),
    ("no entries", "IncrementalAlterConfigs", 1, incremental(TOPIC, "plain")),
    ("alter replaces", "AlterConfigs", 2, alter(TOPIC, "plain", ("flush.ms", "77"))),
    ("replaced", "DescribeConfigs", 4, describe(TOPIC, "plain", ["flush.ms", "retention.ms", "max.message.bytes"])),
    ("alter null", "AlterConfigs", 2, alter(TOPIC, "plain", ("flush.ms", None))),
    ("alter unknown", "AlterConfigs", 2, alter(TOPIC, "plain", ("no.such", "1"))),
    ("alter absent", "AlterConfigs", 2, alter(TOPIC, "absent", ("flush.ms", "1"))),
    ("alter to nothing", "AlterConfigs", 2, alter(TOPIC, "plain")),
    ("nothing left", "DescribeConfigs", 4, describe(TOPIC, "plain", ["flush.ms"])),
    # ---- settings of the broker
    ("describe a broker", "DescribeConfigs", 4, describe(BROKER, "1", ["num.partitions", "log.retention.ms", "log.retention.hours",
                                                                     "message.max.bytes", "compression.type"])),
    ("describe another broker", "DescribeConfigs", 4, describe(BROKER, "7")),
    ("describe no broker", "DescribeConfigs", 4, describe(BROKER, "x")),
    ("set cluster-wide", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("log.retention.ms", SET, "8000"))),
    ("set for the broker", "IncrementalAlterConfigs", 1, incremental(BROKER, "1", ("message.max.bytes", SET, "900000"))),
    ("described cluster-wide", "DescribeConfigs", 4, describe(BROKER, "", ["log.retention.ms", "message.max.bytes"])),
    ("described for the broker", "DescribeConfigs", 4, describe(BROKER, "1", ["log.retention.ms", "message.max.bytes"])),
    ("seen by topics", "DescribeConfigs", 4, describe(TOPIC, "three", ["retention.ms", "max.message.bytes"])),
    ("read-only key", "IncrementalAlterConfigs", 1, incremental(BROKER, "1", ("num.partitions", SET, "3"))),
    ("read-only key cluster-wide", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("num.partitions", SET, "3"))),
    ("bad broker value", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("log.retention.ms", SET, "never"))),
    ("unknown broker name", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("no.such", SET, "1"))),
    ("append to a broker's list", "IncrementalAlterConfigs", 1, incremental(BROKER, "1", ("log.cleanup.policy", APPEND, "compact"))),
    ("appended to it", "DescribeConfigs", 4, describe(BROKER, "1", ["log.cleanup.policy"])),
    ("take it back", "IncrementalAlterConfigs", 1, incremental(BROKER, "1", ("log.cleanup.policy", DELETE, None))),
    ("append to a broker's number", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("log.retention.ms", APPEND, "1"))),
    ("wrong broker", "IncrementalAlterConfigs", 1, incremental(BROKER, "7", ("log.retention.ms", SET, "1"))),
    ("no broker", "IncrementalAlterConfigs", 1, incremental(BROKER, "x", ("log.retention.ms", SET, "1"))),
    ("unset cluster-wide", "IncrementalAlterConfigs", 1, incremental(BROKER, "", ("log.retention.ms", DELETE, None))),
    ("unset for the broker", "IncrementalAlterConfigs", 1, incremental(BROKER, "1", ("message.max.bytes", DELETE, None))),
    # ---- offsets
    ("empty log", "ListOffsets", 11, offsets("three", (0, -1, -1), (1, -2, -1), (2, -3, -1))),
    ("empty log, others", "ListOffsets", 11, offsets("three", (0, -4, -1), (1, -5, -1), (2, -6, -1))),
    ("empty log, time", "ListOffsets", 11, offsets("three", (0, 0, -1), (1, 5, -1), (2, 1 << 60, -1))),
    ("make a topic with records", "CreateTopics", 7, create(topic("records", 1, 1, (), [("retention.ms", "-1")]))),
    ("the topic with records is there", "Metadata", 12, metadata("records")),  # Kafka needs a moment
    ("empty before", "ListOffsets", 11, offsets("records", (0, -1, -1))),
    ("produce", "Produce", 9, produce("records", (1000, 3000, 2000))),
    ("produce more", "Produce", 9, produce("records", (4000, 2500))),
    ("by time", "ListOffsets", 11, offsets("records", (0, 1500, -1))),
    ("by later time", "ListOffsets", 11, offsets("records", (0, 3500, -1))),
    ("by a time too late", "ListOffsets", 11, offsets("records", (0, 9999, -1))),
    ("latest time", "ListOffsets", 11, offsets("records", (0, -3, -1))),
    ("latest", "ListOffsets", 11, offsets("records", (0, -1, -1), isolation=1)),
    ("earliest", "ListOffsets", 1, offsets("records", (0, -2, -1))),
    ("unknown special", "ListOffsets", 11, offsets("records", (0, -7, -1))),
    ("special of a later version", "ListOffsets", 6, offsets("records", (0, -3, -1))),
    ("epoch too old", "ListOffsets", 11, offsets("records", (0, -1, 9))),
    ("absent partition", "ListOffsets", 11, offsets("records", (5, -1, -1))),
    ("absent topic", "ListOffsets", 11, offsets("absent", (0, -1, -1))),
    ("partition twice", "ListOffsets", 11, offsets("records", (0, -1, -1), (0, -2, -1))),
    ("epoch 0", "OffsetForLeaderEpoch", 4, {"replica_id": -1, "topics": [{"topic": "records", "partitions": [
        {"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}, {"partition": 7, "leader_epoch": 0}]}]}),
    ("epoch -1", "OffsetForLeaderEpoch", 4, {"replica_id": -1, "topics": [{"topic": "records", "partitions": [
        {"partition": 0, "leader_epoch": -1}]}]}),
    ("epoch 9", "OffsetForLeaderEpoch", 4, {"replica_id": -1, "topics": [{"topic": "records", "partitions": [
        {"partition": 0, "leader_epoch": 9}]}]}),
    ("epoch, fenced", "OffsetForLeaderEpoch", 4, {"replica_id": -1, "topics": [{"topic": "records", "partitions": [
        {"partition": 0, "current_leader_epoch": 9, "leader_epoch": 0}]}, {"topic": "absent", "partitions": [{"partition": 0}]}]}),
    # ---- records
    ("delete records", "DeleteRecords", 2, {"topics": [{"name": "records", "partitions": [{"partition_index": 0, "offset": 2}]}],
                                            "timeout_ms": 10000}),
    ("delete fewer", "DeleteRecords", 2, {"topics": [{"name": "records", "partitions": [{"partition_index": 0, "offset": 1}]}],
                                          "timeout_ms": 10000}),
    ("delete too many", "DeleteRecords", 2, {"topics": [{"name": "records", "partitions": [{"partition_index": 0, "offset": 99}]}],
                                             "timeout_ms": 10000}),
    ("delete nonsense", "DeleteRecords", 2, {"topics": [{"name": "records", "partitions": [{"partition_index": 0, "offset": -5}]}],
                                             "timeout_ms": 10000}),
    ("delete in absent", "DeleteRecords", 2, {"topics": [{"name": "absent", "partitions": [{"partition_index": 0, "offset": 0}]},
                                                         {"name": "records", "partitions": [{"partition_index": 4, "offset": 0}]}],
                                              "timeout_ms": 10000}),
    ("earliest after", "ListOffsets", 11, offsets("records", (0, -2, -1))),
    ("delete all records", "DeleteRecords", 2, {"topics": [{"name": "records", "partitions": [{"partition_index": 0, "offset": -1}]}],
                                                "timeout_ms": 10000}),
    ("make compacted", "CreateTopics", 7, create(topic("compacted", 1, 1, (), [("cleanup.policy", "compact")]))),
    ("the compacted one is there", "ListOffsets", 11, offsets("compacted", (0, -1, -1))),
    ("delete in compacted", "DeleteRecords", 2, {"topics": [{"name": "compacted", "partitions": [{"partition_index": 0, "offset": 0}]}],
                                                 "timeout_ms": 10000}),
    ("directories, one topic", "DescribeLogDirs", 4, {"topics": [{"topic": "three", "partitions": [0, 2]}, {"topic": "absent", "partitions": [0]}]}),
    ("directories, none", "DescribeLogDirs", 4, {"topics": []}),
    # ---- deleting
    ("delete", "DeleteTopics", 5, {"topic_names": ["three", "absent", "a b", ""], "timeout_ms": 30000}),
    ("delete twice", "DeleteTopics", 5, {"topic_names": ["plain", "plain"], "timeout_ms": 30000}),
    ("delete by id", "DeleteTopics", 6, {"topics": [{"name": None, "topic_id": ABSENT_ID}, {"name": "absent", "topic_id": ZERO_ID}],
                                         "timeout_ms": 30000}),
    ("delete by both and neither", "DeleteTopics", 6, {"topics": [{"name": "plain", "topic_id": ABSENT_ID},
                                                                  {"name": None, "topic_id": ZERO_ID}], "timeout_ms": 30000}),
    ("delete by id twice", "DeleteTopics", 6, {"topics": 2 * [{"name": None, "topic_id": ABSENT_ID}], "timeout_ms": 30000}),
    ("deleted", "Metadata", 12, metadata("three", "plain")),
    ("made again", "CreateTopics", 7, create(topic("three", 1))),
    ("delete v1", "DeleteTopics", 1, {"topic_names": ["three"], "timeout_ms": 30000}),
    # ---- on demand
    ("on demand", "Metadata", 12, metadata("a b", auto=True)),
]

# leat's own, and those whose defaults differ by design.
OWN_TOPIC = {"leat.durability", "leat.record.validation"}  # and min.insync.replicas: a fresh Kafka has set it cluster-wide
# Answers that differ on purpose: step -> why.
ON_PURPOSE = {
    "settings as Kafka repeats them": "leat answers with the value in its canonical form",
    "metadata by zero id": "Kafka fails with UNKNOWN_SERVER_ERROR; leat says UNKNOWN_TOPIC_ID",
    "unknown broker name": "Kafka keeps unknown broker keys for plug-ins",
}
# Kafka brings changed settings to its broker after it has answered: what only reads is asked again for so long.
PATIENCE_S = 5
READS = ("Metadata", "DescribeConfigs", "ListOffsets", "DescribeLogDirs", "OffsetForLeaderEpoch")


def clean(value, key=None):
    """Without what depends on the server and the time; lists of things with names are sorted."""
    if isinstance(value, dict):
        return {k: clean(v, k) for k, v in value.items() if k != "documentation"}
    if isinstance(value, list):
        items = [clean(v, key) for v in value if not (isinstance(v, dict) and v.get("name") in OWN_TOPIC | {"min.insync.replicas"})]
        if key in ("topics", "configs", "responses", "results") and items and isinstance(items[0], dict):
            items.sort(key=lambda v: (str(v.get("name", v.get("topic", ""))), str(v.get("topic_id")), str(v.get("error_message"))))
        return items
    if isinstance(value, uuid.UUID):
        return "zero" if value.int == 0 else "absent" if value == ABSENT_ID else "some"
    if key in ("port", "cluster_id", "log_dir", "usable_bytes", "total_bytes", "log_append_time_ms", "controller_id"):
        return "any"
    return value


def ask(client, request, version, values):
    try:
        return clean(client.ask(request, version, values))
    except ConnectionError as error:
        return str(error)


def differences(leat, oracle, path=""):
    """Where two answers differ, as lines."""
    if isinstance(leat, dict) and isinstance(oracle, dict):
        return [line for k in sorted(set(leat) | set(oracle)) for line in differences(leat.get(k), oracle.get(k), f"{path}.{k}")]
    if isinstance(leat, list) and isinstance(oracle, list):
        if len(leat) != len(oracle):
            names = [[v.get("name") if isinstance(v, dict) else v for v in side] for side in (leat, oracle)]
            return [f"{path}: leat has {len(leat)}, Kafka {len(oracle)}: {names}"]
        return [line for i, pair in enumerate(zip(leat, oracle)) for line in differences(*pair, f"{path}[{i}]")]
    return [] if leat == oracle else [f"{path}: leat {leat!r}, Kafka {oracle!r}"]


def compare(leat_address, kafka_address):
    found = []
    for name, request, version, values in STEPS:
        until = time.monotonic() + (PATIENCE_S if request in READS else 0)
        while True:
            answers = []
            for address in (leat_address, kafka_address):
                host, port = address.rsplit(":", 1)
                with Client(host, int(port)) as client:
                    answers.append(ask(client, request, version, values))
            different = [] if name in ON_PURPOSE else differences(*answers)
            if not different or time.monotonic() > until:
                break
            time.sleep(0.2)
        found += [f"{name}: {line}" for line in different]
    return found


@oracle.needed
def test_answers_are_those_of_kafka():
    with Leatd() as server, oracle.running() as broker:
        found = compare(server.address, broker.address)
    assert not found, "\n".join(found)


if __name__ == "__main__":
    for difference in compare(*sys.argv[1:3]):
        print(difference)
