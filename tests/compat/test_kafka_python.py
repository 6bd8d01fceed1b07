"""python3-kafka 2.0.2 as Debian ships it: its guess of the broker, produce, assign, seek, times, admin."""

import time

import pytest

kafka = pytest.importorskip("kafka", reason="python3-kafka is not installed")
from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic  # noqa: E402
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError  # noqa: E402

BASE_MS = int(time.time() * 1000) - 3_600_000  # recent: retention leaves it alone


@pytest.fixture
def admin(server):
    client = KafkaAdminClient(bootstrap_servers=server.address)
    yield client
    client.close()


def send(server, topic, count, **options):
    producer = KafkaProducer(bootstrap_servers=server.address, **options)
    futures = [
        producer.send(
            topic, key=b"k%d" % i, value=b"v%d" % i, partition=0, timestamp_ms=BASE_MS + 1000 * i, headers=[("n", b"%d" % i)]
        )
        for i in range(count)
    ]
    producer.flush()
    offsets = [future.get(timeout=30).offset for future in futures]
    producer.close()
    return offsets


def consumer_of(server, topic):
    consumer = KafkaConsumer(bootstrap_servers=server.address, consumer_timeout_ms=5000, enable_auto_commit=False)
    part = TopicPartition(topic, 0)
    consumer.assign([part])
    return consumer, part


def read(consumer, count):
    records = []
    for record in consumer:
        records.append(record)
        if len(records) == count:
            break
    return records


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_round_trip(server, admin, topic, codec):
    admin.create_topics([NewTopic(topic, 1, 1)])
    assert send(server, topic, 100, compression_type=codec, linger_ms=50) == list(range(100))
    consumer, part = consumer_of(server, topic)
    consumer.seek_to_beginning(part)
    records = read(consumer, 100)
    assert [(r.offset, r.key, r.value, r.timestamp, r.headers) for r in records] == [
        (i, b"k%d" % i, b"v%d" % i, BASE_MS + 1000 * i, [("n", b"%d" % i)]) for i in range(100)
    ]
    consumer.close()


def test_seek_and_offsets(server, admin, topic):
    admin.create_topics([NewTopic(topic, 1, 1)])
    send(server, topic, 50)
    consumer, part = consumer_of(server, topic)
    consumer.seek(part, 42)
    assert [r.offset for r in read(consumer, 8)] == list(range(42, 50))
    assert consumer.beginning_offsets([part]) == {part: 0}
    assert consumer.end_offsets([part]) == {part: 50}
    hit = consumer.offsets_for_times({part: BASE_MS + 10_500})[part]
    assert (hit.offset, hit.timestamp) == (11, BASE_MS + 11_000)
    assert consumer.offsets_for_times({part: BASE_MS + 50_000})[part] is None
    consumer.close()


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_acks(server, admin, topic, acks):
    admin.create_topics([NewTopic(topic, 1, 1)])
    send(server, topic, 20, acks=acks)
    consumer, part = consumer_of(server, topic)
    consumer.seek_to_beginning(part)
    assert len(read(consumer, 20)) == 20
    consumer.close()


def test_admin(server, admin, topic):
    admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(topic, 2, 1)])
    assert topic in admin.list_topics()
    admin.create_partitions({topic: NewPartitions(5)})
    assert len(admin.describe_topics([topic])[0]["partitions"]) == 5
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "7200000"})])
    entries = {e[0]: e[1] for e in admin.describe_configs([resource])[0].resources[0][4]}
    assert entries["retention.ms"] == "7200000"
    assert entries["cleanup.policy"] == "delete"
    admin.delete_topics([topic])
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([topic])
    assert admin.describe_cluster()["controller_id"] == 1
