"""Topics and settings over the wire: what is created stays, what is deleted goes, and every setting does what it says.

Each test has a server of its own; settings are changed while it runs, and looked for again after a restart or a kill.
"""

import os
import pathlib
import time

import pytest

from tests.support.codec import Client
from tests.support.leatd import Leatd
from tests.support.wire import Record, build_batch

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3
NOW = int(time.time() * 1000)


@pytest.fixture
def server():
    with Leatd({"log.retention.check.interval.ms": "50", "http.listeners": "http://127.0.0.1:0"}) as started:
        yield started


@pytest.fixture
def client(server):
    with Client(server.host, server.port) as connected:
        yield connected


def connect(server):
    return Client(server.host, server.port)


def create(client, name, partitions=1, **configs):
    """Settings are named with _ for . here."""
    answer = client.ask("CreateTopics", 7, {"timeout_ms": 30000, "topics": [{
        "name": name, "num_partitions": partitions, "replication_factor": 1,
        "configs": [{"name": k.replace("_", "."), "value": str(v)} for k, v in configs.items()]}]})["topics"][0]
    assert answer["error_code"] == 0, answer["error_message"]
    return answer


def alter(client, kind, name, *entries):
    return client.ask("IncrementalAlterConfigs", 1, {"resources": [{"resource_type": kind, "resource_name": name, "configs": [
        {"name": n, "config_operation": op, "value": v} for n, op, v in entries]}]})["responses"][0]


def change(client, kind, name, **values):
    answer = alter(client, kind, name, *[(k.replace("_", "."), SET, str(v)) for k, v in values.items()])
    assert answer["error_code"] == 0, answer["error_message"]


def described(client, kind, name, key):
    """(value, source) of one setting."""
    result = client.ask("DescribeConfigs", 4, {"resources": [{"resource_type": kind, "resource_name": name,
                                                             "configuration_keys": [key]}]})["results"][0]
    assert result["error_code"] == 0
    return (result["configs"][0]["value"], result["configs"][0]["config_source"]) if result["configs"] else None


def produce(client, topic, timestamps=(NOW,), value=b"v", acks=-1, partition=0, codec=0, batch=None):
    """The partition's answer."""
    data = batch or build_batch([Record(timestamp=t, key=b"k", value=value) for t in timestamps], codec)
    return client.ask("Produce", 9, {"acks": acks, "timeout_ms": 10000, "topic_data": [{"name": topic, "partition_data": [
        {"index": partition, "records": data}]}]})["responses"][0]["partition_responses"][0]


def fetch(client, topic, offset=0):
    partition = client.ask("Fetch", 11, {"replica_id": -1, "max_wait_ms": 0, "min_bytes": 0, "max_bytes": 1 << 24, "topics": [
        {"topic": topic, "partitions": [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 24,
                                         "current_leader_epoch": -1, "log_start_offset": -1}]}]})["responses"][0]["partitions"][0]
    assert partition["error_code"] == 0
    return partition


def offset(client, topic, timestamp, partition=0):
    """(offset, timestamp, leader epoch)."""
    answer = client.ask("ListOffsets", 11, {"replica_id": -1, "topics": [{"name": topic, "partitions": [
        {"partition_index": partition, "timestamp": timestamp}]}]})["topics"][0]["partitions"][0]
    assert answer["error_code"] == 0
    return answer["offset"], answer["timestamp"], answer["leader_epoch"]


def names(client):
    return {t["name"] for t in client.ask("Metadata", 12, {"topics": None})["topics"]}


def files(server, partition, suffix=".log"):
    return sorted(p for p in os.listdir(os.path.join(server.data, partition)) if p.endswith(suffix))


def eventually(condition, seconds=10):
    """Wait for something that a background thread does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.02)


# ---- topics


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_topics_settings_and_ids_survive(server, ending):
    with connect(server) as client:
        made = create(client, "kept", 3, retention_ms=123456)
        create(client, "gone", 2)
        client.ask("DeleteTopics", 5, {"topic_names": ["gone"], "timeout_ms": 30000})
        change(client, BROKER, "", log_retention_bytes=777)
        change(client, TOPIC, "kept", max_message_bytes=4321)
        client.ask("CreatePartitions", 3, {"topics": [{"name": "kept", "count": 5, "assignments": None}], "timeout_ms": 30000})
    getattr(server, ending)()
    server.start()
    with connect(server) as client:
        assert names(client) == {"kept"}
        topic = client.ask("Metadata", 12, {"topics": [{"name": "kept"}]})["topics"][0]
        assert topic["topic_id"] == made["topic_id"]
        assert len(topic["partitions"]) == 5
        assert described(client, TOPIC, "kept", "retention.ms") == ("123456", 1)
        assert described(client, TOPIC, "kept", "max.message.bytes") == ("4321", 1)
        assert described(client, TOPIC, "kept", "retention.bytes") == ("777", 3)
        # A kill raises the leader epoch of what was open, a clean stop does not.
        assert {p["leader_epoch"] for p in topic["partitions"]} == ({0} if ending == "stop" else {1})


def test_many_partitions_get_a_new_epoch_after_a_kill(server):
    with connect(server) as client:
        create(client, "many", 250)  # more than one transaction takes
    server.kill()
    server.start()
    with connect(server) as client:
        partitions = client.ask("Metadata", 12, {"topics": [{"name": "many"}]})["topics"][0]["partitions"]
        assert {p["leader_epoch"] for p in partitions} == {1}
        produce(client, "many", partition=249)
        assert offset(client, "many", -1, partition=249)[2] == 1
        client.ask("DeleteTopics", 5, {"topic_names": ["many"], "timeout_ms": 30000})
        assert names(client) == set()


def test_deleted_directories_leave_the_disk(server, client):
    create(client, "gone", 2, file_delete_delay_ms=0)
    produce(client, "gone")
    assert os.path.isdir(os.path.join(server.data, "gone-0"))
    client.ask("DeleteTopics", 5, {"topic_names": ["gone"], "timeout_ms": 30000})
    assert not os.path.isdir(os.path.join(server.data, "gone-0"))
    eventually(lambda: not any(p.startswith("gone") for p in os.listdir(server.data)))


def test_killed_deletion_is_finished_at_the_next_start(server):
    with connect(server) as client:
        create(client, "gone", 2)  # the default delay: directories stay for a minute
        client.ask("DeleteTopics", 5, {"topic_names": ["gone"], "timeout_ms": 30000})
    assert any("-delete" in p for p in os.listdir(server.data))
    server.kill()
    server.start()
    eventually(lambda: not any(p.startswith("gone") for p in os.listdir(server.data)))
    with connect(server) as client:
        assert names(client) == set()


def test_recreated_topic_is_empty_and_has_another_id(client):
    first = create(client, "again")
    produce(client, "again")
    client.ask("DeleteTopics", 5, {"topic_names": ["again"], "timeout_ms": 30000})
    second = create(client, "again")
    assert second["topic_id"] != first["topic_id"]
    assert offset(client, "again", -1)[0] == 0
    by_old_id = client.ask("Metadata", 12, {"topics": [{"name": None, "topic_id": first["topic_id"]}]})["topics"][0]
    assert by_old_id["error_code"] == 100


def test_topics_on_demand(client):
    answer = client.ask("Metadata", 12, {"topics": [{"name": "wanted"}], "allow_auto_topic_creation": True})["topics"][0]
    assert answer["error_code"] == 0 and len(answer["partitions"]) == 1
    answer = client.ask("Metadata", 12, {"topics": [{"name": "unwanted"}], "allow_auto_topic_creation": False})["topics"][0]
    assert answer["error_code"] == 3
    assert names(client) == {"wanted"}


def test_no_topics_on_demand_when_switched_off():
    with Leatd({"auto.create.topics.enable": "false", "delete.topic.enable": "false"}) as server, connect(server) as client:
        answer = client.ask("Metadata", 12, {"topics": [{"name": "wanted"}], "allow_auto_topic_creation": True})["topics"][0]
        assert answer["error_code"] == 3
        create(client, "stays")
        assert client.ask("DeleteTopics", 5, {"topic_names": ["stays"], "timeout_ms": 1000})["responses"][0]["error_code"] == 73
        assert names(client) == {"stays"}


def test_partition_limit_is_told_with_its_number():
    with Leatd({"leat.partitions.max": "5"}) as server, connect(server) as client:
        create(client, "three", 3)
        refused = client.ask("CreateTopics", 7, {"timeout_ms": 1000, "topics": [
            {"name": "more", "num_partitions": 3, "replication_factor": 1}]})["topics"][0]
        assert refused["error_code"] == 37 and "at most 5" in refused["error_message"]
        refused = client.ask("CreatePartitions", 3, {"topics": [{"name": "three", "count": 6, "assignments": None}], "timeout_ms": 1000})
        assert refused["results"][0]["error_code"] == 37 and "at most 5" in refused["results"][0]["error_message"]
        create(client, "two", 2)
        client.ask("DeleteTopics", 5, {"topic_names": ["three"], "timeout_ms": 1000})
        create(client, "more", 3)


def test_many_clients_create_the_same_topic_once(server):
    import threading
    codes = []

    def one():
        with connect(server) as client:
            answer = client.ask("CreateTopics", 7, {"timeout_ms": 10000, "topics": [
                {"name": "race", "num_partitions": 2, "replication_factor": 1}]})["topics"][0]
            codes.append(answer["error_code"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0] + 7 * [36]


# ---- what each topic setting does


def test_max_message_bytes(client):
    create(client, "t", max_message_bytes=200)
    assert produce(client, "t")["error_code"] == 0
    assert produce(client, "t", value=b"x" * 300)["error_code"] == 10
    change(client, TOPIC, "t", max_message_bytes=1000)
    assert produce(client, "t", value=b"x" * 300)["error_code"] == 0


def test_message_max_bytes_of_the_broker_takes_effect_at_once(server, client):
    create(client, "t")
    change(client, BROKER, "", message_max_bytes=150)
    assert produce(client, "t", value=b"x" * 300)["error_code"] == 10
    server.stop()
    server.start()
    with connect(server) as again:
        assert produce(again, "t", value=b"x" * 300)["error_code"] == 10
        change(again, BROKER, "1", message_max_bytes=1000)
        assert produce(again, "t", value=b"x" * 300)["error_code"] == 0


def test_message_timestamp_type(client):
    create(client, "t", message_timestamp_type="LogAppendTime")
    answer = produce(client, "t", (1000,))
    assert answer["error_code"] == 0 and answer["log_append_time_ms"] >= NOW
    assert offset(client, "t", -3)[1] >= NOW
    change(client, TOPIC, "t", message_timestamp_type="CreateTime")
    assert produce(client, "t", (1000,))["log_append_time_ms"] == -1


def test_message_timestamp_limits(client):
    create(client, "t", message_timestamp_after_max_ms=1000, message_timestamp_before_max_ms=100000)
    assert produce(client, "t", (NOW,))["error_code"] == 0
    assert produce(client, "t", (NOW + 3600000,))["error_code"] == 32
    assert produce(client, "t", (NOW - 3600000,))["error_code"] == 32


def test_min_insync_replicas(client):
    create(client, "t", min_insync_replicas=2)
    assert produce(client, "t")["error_code"] == 19
    assert produce(client, "t", acks=1)["error_code"] == 0
    change(client, TOPIC, "t", min_insync_replicas=1)
    assert produce(client, "t")["error_code"] == 0


@pytest.mark.parametrize("codec, number", [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4), ("uncompressed", 0), ("producer", 1)])
def test_compression_type(client, codec, number):
    create(client, "t", compression_type=codec)
    assert produce(client, "t", value=b"x" * 1000, codec=1)["error_code"] == 0
    assert fetch(client, "t")["records"][22] & 7 == number


def test_segment_bytes(server, client):
    create(client, "t", internal_segment_bytes=1000)
    for _ in range(5):
        produce(client, "t", value=b"x" * 600)
    assert len(files(server, "t-0")) == 5
    assert described(client, TOPIC, "t", "segment.bytes") == ("1073741824", 5)
    assert described(client, TOPIC, "t", "internal.segment.bytes") is None
    assert produce(client, "t", value=b"x" * 2000)["error_code"] == 18


def test_segment_ms(server, client):
    create(client, "t", segment_ms=1000)
    produce(client, "t", (NOW - 5000,))
    produce(client, "t", (NOW - 1000,))
    assert len(files(server, "t-0")) == 2


def test_segment_index_bytes_and_interval(server, client):
    create(client, "t", segment_index_bytes=16, index_interval_bytes=0)
    for _ in range(6):
        produce(client, "t", value=b"x" * 100)
    assert len(files(server, "t-0")) > 1


def test_retention_ms(server, client):
    create(client, "t", retention_ms=-1, segment_ms=1, file_delete_delay_ms=0)
    produce(client, "t", (NOW - 100000,))
    produce(client, "t", (NOW - 50000,))
    time.sleep(0.3)
    assert offset(client, "t", -2)[0] == 0
    change(client, TOPIC, "t", retention_ms=70000)
    eventually(lambda: offset(client, "t", -2)[0] == 1)
    change(client, TOPIC, "t", retention_ms=10)
    eventually(lambda: offset(client, "t", -2)[0] == 2)
    eventually(lambda: len(files(server, "t-0")) == 1)
    assert offset(client, "t", -1)[0] == 2


def test_retention_bytes(client):
    create(client, "t", internal_segment_bytes=1000, retention_ms=-1, file_delete_delay_ms=0)
    for _ in range(6):
        produce(client, "t", value=b"x" * 600)
    change(client, TOPIC, "t", retention_bytes=1500)
    eventually(lambda: offset(client, "t", -2)[0] >= 3)
    assert produce(client, "t")["base_offset"] == 6


def test_empty_cleanup_policy_keeps_everything(client):
    create(client, "t", cleanup_policy="", retention_ms=1, segment_ms=1)
    produce(client, "t", (NOW - 100000,))
    produce(client, "t", (NOW - 50000,))
    time.sleep(0.3)
    assert offset(client, "t", -2)[0] == 0


def test_file_delete_delay_ms(server, client):
    create(client, "t", retention_ms=1, segment_ms=1, file_delete_delay_ms=3600000)
    produce(client, "t", (NOW - 100000,))
    produce(client, "t", (NOW - 50000,))
    eventually(lambda: files(server, "t-0", ".deleted"))
    assert offset(client, "t", -2)[0] > 0
    assert files(server, "t-0", ".deleted")


def test_durability_memory_is_seen_before_any_flush(server, client):
    create(client, "m", leat_durability="memory", flush_ms=3600000)
    before = metrics(server)["leat_fsync_duration_seconds_count"]
    assert produce(client, "m", acks=1)["error_code"] == 0
    assert fetch(client, "m")["high_watermark"] == 1
    assert metrics(server)["leat_fsync_duration_seconds_count"] == before


def test_flush_messages_and_flush_ms(server, client):
    create(client, "m", leat_durability="memory", flush_messages=2)
    before = metrics(server)["leat_fsync_duration_seconds_count"]
    produce(client, "m", (NOW, NOW, NOW), acks=1)
    eventually(lambda: metrics(server)["leat_fsync_duration_seconds_count"] > before)
    create(client, "n", leat_durability="memory", flush_ms=10)
    before = metrics(server)["leat_fsync_duration_seconds_count"]
    produce(client, "n", acks=1)
    eventually(lambda: metrics(server)["leat_fsync_duration_seconds_count"] > before)


def broken_record_batch():
    """A batch whose checksum is right and whose only record has a length that goes beyond the batch."""
    import struct
    from tests.support.wire import crc32c
    good = bytearray(build_batch([Record(timestamp=NOW, key=b"k", value=b"v" * 20)]))
    good[61] = 0x7E  # the record's length, zig-zag: 63
    good[17:21] = struct.pack(">I", crc32c(bytes(good[21:])))
    return bytes(good)


def test_record_validation(client):
    create(client, "walk")
    create(client, "header", leat_record_validation="header")
    assert produce(client, "walk", batch=broken_record_batch())["error_code"] in (2, 87)
    assert produce(client, "header", batch=broken_record_batch())["error_code"] == 0


# ---- settings


def test_pinned_settings_refuse_changes():
    environ = {"LEAT_LOG_RETENTION_BYTES": "123"}
    with Leatd({"message.max.bytes": "500"}, environ=environ) as server, connect(server) as client:
        assert described(client, BROKER, "1", "message.max.bytes") == ("500", 4)
        assert described(client, BROKER, "1", "log.retention.bytes") == ("123", 4)
        for name in ("message.max.bytes", "log.retention.bytes"):
            answer = alter(client, BROKER, "", (name, SET, "1000"))
            assert answer["error_code"] == 40 and "pinned" in answer["error_message"]


def test_concurrent_changes_are_all_kept(server):
    import threading
    keys = ["flush.ms", "retention.ms", "segment.ms", "flush.messages", "retention.bytes", "file.delete.delay.ms",
            "delete.retention.ms", "index.interval.bytes"]
    with connect(server) as client:
        create(client, "t")

    def one(key):
        with connect(server) as client:
            assert alter(client, TOPIC, "t", (key, SET, "5000"))["error_code"] == 0

    threads = [threading.Thread(target=one, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect(server) as client:
        assert [described(client, TOPIC, "t", key) for key in keys] == len(keys) * [("5000", 1)]


def test_reload_brings_new_settings(tmp_path):
    import signal
    config = tmp_path / "leat.properties"
    config.write_text("message.max.bytes = 150\n")
    with Leatd(config=config) as server, connect(server) as client:
        assert described(client, BROKER, "1", "message.max.bytes") == ("150", 4)
        create(client, "t")
        assert produce(client, "t", value=b"x" * 300)["error_code"] == 10
        config.write_text("message.max.bytes = 1500\n")
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: produce(client, "t", value=b"x" * 300)["error_code"] == 0)


# ---- offsets, records, directories


def test_delete_records_and_after_restart(server, client):
    create(client, "t")
    produce(client, "t", (NOW, NOW, NOW))
    answer = client.ask("DeleteRecords", 2, {"topics": [{"name": "t", "partitions": [{"partition_index": 0, "offset": 2}]}],
                                             "timeout_ms": 10000})["topics"][0]["partitions"][0]
    assert (answer["error_code"], answer["low_watermark"]) == (0, 2)
    server.kill()
    server.start()
    with connect(server) as again:
        assert offset(again, "t", -2)[0] == 2
        assert offset(again, "t", -1)[::2] == (3, 1)


def test_describe_log_dirs(server, client):
    create(client, "t", 2)
    produce(client, "t", value=b"x" * 100, partition=1)
    answer = client.ask("DescribeLogDirs", 4, {"topics": None})
    assert answer["error_code"] == 0 and len(answer["results"]) == 1
    directory = answer["results"][0]
    assert directory["log_dir"] == os.path.realpath(server.data)
    assert 0 < directory["usable_bytes"] <= directory["total_bytes"]
    sizes = {p["partition_index"]: p["partition_size"] for p in directory["topics"][0]["partitions"]}
    assert sizes[0] == 0 and sizes[1] > 100


# ---- the HTTP side


def http(server, path):
    import urllib.error
    import urllib.request
    try:
        with urllib.request.urlopen(f"http://{server.ready['http'][0]}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(server, path="/metrics"):
    lines = [line.rsplit(" ", 1) for line in http(server, path)[1].splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_metrics_count(server, client):
    create(client, "t", 2)
    produce(client, "t", (NOW, NOW, NOW))
    fetch(client, "t")
    produce(client, "absent")
    seen = metrics(server)
    assert seen['leat_records_in_total{topic="t"}'] == 3
    assert seen['leat_bytes_in_total{topic="t"}'] == seen['leat_bytes_out_total{topic="t"}'] > 0
    assert seen['leat_log_end_offset{topic="t",partition="0"}'] == 3
    assert seen['leat_log_size_bytes{topic="t",partition="1"}'] == 0
    assert seen['leat_requests_total{api="Produce",error="NONE"}'] == 1
    assert seen['leat_requests_total{api="Produce",error="UNKNOWN_TOPIC_OR_PARTITION"}'] == 1
    assert seen['leat_request_duration_seconds_count{api="Produce"}'] == 2
    assert seen["leat_partitions"] == 2
    assert seen['leat_connections{listener="PLAINTEXT"}'] == 1


def test_metrics_are_documented(server):
    documented = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
    families = [line.split()[2] for line in http(server, "/metrics")[1].splitlines() if line.startswith("# HELP")]
    assert families and not [name for name in families if f"`{name}" not in documented]


def test_metrics_filters_and_limit(server, client):
    create(client, "t", 2)
    create(client, "u", 2)
    only = metrics(server, "/metrics?topic=u&name[]=leat_log_end_offset")
    assert set(only) == {'leat_log_end_offset{topic="u",partition="0"}', 'leat_log_end_offset{topic="u",partition="1"}'}
    change(client, BROKER, "", metrics_partition_limit=3)
    assert 'leat_log_end_offset{topic="u"}' in metrics(server)


@pytest.mark.parametrize("path", ["/livez", "/healthy", "/readyz", "/ready", "/status/ready", "/readyz?verbose", "/readyz?verbose=1"])
def test_health(server, path):
    status, body = http(server, path)
    assert status == 200 and '"ok":true' in body
    assert ("passing" in body) == ("verbose" in path)


def test_unknown_http_paths(server):
    assert http(server, "/nothing")[0] == 404
    assert http(server, "/metrics?%zz")[0] in (200, 400)


# ---- bad input


@pytest.mark.parametrize("text, where, what", [
    ("num.partitions", ":1:", "expected"),
    ("no.such.key = 1\n", ":1:", "unknown setting no.such.key"),
    ("# fine\nlog.retention.hour = 1\n", ":2:", "did you mean log.retention.hours?"),
    ("num.partitions = 1\nnum.partitions = 2\n", ":2:", ":1"),
    ("num.partitions = many\n", ":1:", "Not a number"),
    ("num.partitions = 0\n", ":1:", "at least 1"),
    ("listeners = nowhere\n", ":1:", "NAME://HOST:PORT"),
    ("listeners = SSL://127.0.0.1:1\n", ":1:", "protocol"),
    ("advertised.listeners = PLAINTEXT://0.0.0.0:9092\n", ":1:", "no client can connect"),
    ("log.cleanup.policy = shred\n", ":1:", "must be one of"),
    ("log.dirs = ${env:NO_SUCH_VARIABLE}\n", ":1:", "NO_SUCH_VARIABLE"),
    ("include = /no/such/file\n", "", "/no/such/file"),
    ("\xff\xfe", "", ""),
])
def test_bad_files_are_refused_with_their_place(tmp_path, text, where, what):
    import subprocess
    from tests.support.leatd import BUILD
    config = tmp_path / "leat.properties"
    config.write_bytes(text.encode("latin-1"))
    for check in (["--check-config"], ["--data", str(tmp_path / "data")]):
        done = subprocess.run([BUILD / "leatd", "-c", config, *check], capture_output=True, text=True, timeout=20, check=False,
                              env={"PATH": os.environ["PATH"]})
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert str(config) + where in said and what in said
    assert not (tmp_path / "data").exists() or not list(pathlib.Path(tmp_path / "data").iterdir())
