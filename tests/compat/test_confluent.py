"""python3-confluent-kafka 1.7 (librdkafka) as Debian ships it: produce, assign, seek, times, watermarks, admin."""

import time

import pytest

pytest.importorskip("confluent_kafka", reason="python3-confluent-kafka is not installed")
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic  # noqa: E402

from tests.support.leatd import Leatd  # noqa: E402
from tests.support.wire import Connection  # noqa: E402

BASE_MS = int(time.time() * 1000) - 3_600_000  # recent: retention leaves it alone


@pytest.fixture
def admin(server):
    return AdminClient({"bootstrap.servers": server.address})


def create(admin, topic, partitions=1, **config):
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
        future.result(30)


def send(server, topic, count, **options):
    delivered = []

    def on_delivery(err, msg):
        assert err is None, err
        delivered.append(msg.offset())

    producer = Producer({"bootstrap.servers": server.address, **options})
    for i in range(count):
        producer.produce(
            topic, key=f"k{i}", value=f"v{i}", partition=0, timestamp=BASE_MS + 1000 * i, headers={"n": str(i)}, on_delivery=on_delivery
        )
    assert producer.flush(30) == 0
    return delivered


@pytest.fixture
def consumer(server):
    client = Consumer({"bootstrap.servers": server.address, "group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True})
    yield client
    client.close()


def read(consumer, count):
    records = []
    while len(records) < count:
        msg = consumer.poll(10)
        assert msg is not None, f"{len(records)} of {count} records"
        if msg.error() is None:
            records.append(msg)
    return records


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "zstd"])
def test_round_trip(server, admin, consumer, topic, codec):
    create(admin, topic)
    assert send(server, topic, 200, **{"compression.type": codec, "linger.ms": 50}) == list(range(200))
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    got = read(consumer, 200)
    assert [(m.offset(), m.key(), m.value(), m.timestamp()[1], m.headers()) for m in got] == [
        (i, b"k%d" % i, b"v%d" % i, BASE_MS + 1000 * i, [("n", b"%d" % i)]) for i in range(200)
    ]


def test_idempotent_producer_over_kill(topic):
    """The server is killed and started again under a producer with five requests under way: each record once, in order."""
    with Leatd() as server:
        server.settings["listeners"] = f"PLAINTEXT://{server.address}"
        create(AdminClient({"bootstrap.servers": server.address}), topic)
        failed = []
        producer = Producer({"bootstrap.servers": server.address, "enable.idempotence": True, "linger.ms": 1,
                             "batch.num.messages": 20, "reconnect.backoff.max.ms": 200})
        for i in range(3000):
            producer.produce(topic, value=b"%d" % i, partition=0, on_delivery=lambda err, msg: err and failed.append(err))
            producer.poll(0)
            if i in (1000, 2000):
                server.kill()
                server.start()
        assert producer.flush(60) == 0 and failed == []
        with Connection(server.host, server.port) as conn:
            assert conn.list_offsets(topic, 0, -1).offset == 3000
        consumer = Consumer({"bootstrap.servers": server.address, "group.id": "none", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        assert [m.value() for m in read(consumer, 3000)] == [b"%d" % i for i in range(3000)]
        consumer.close()


def test_seek_watermarks_and_times(server, admin, consumer, topic):
    create(admin, topic)
    send(server, topic, 50)
    part = TopicPartition(topic, 0, 40)
    consumer.assign([part])
    assert [m.offset() for m in read(consumer, 10)] == list(range(40, 50))
    consumer.seek(TopicPartition(topic, 0, 7))
    assert read(consumer, 1)[0].offset() == 7
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 50)
    hit = consumer.offsets_for_times([TopicPartition(topic, 0, BASE_MS + 10_500)], timeout=10)
    assert hit[0].offset == 11
    late = consumer.offsets_for_times([TopicPartition(topic, 0, BASE_MS + 99_000)], timeout=10)
    assert late[0].offset == -1


def test_new_records_arrive_while_waiting(server, admin, consumer, topic):
    """A parked fetch is answered by the next append."""
    create(admin, topic)
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert consumer.poll(1) is None or consumer.poll(0) is None
    send(server, topic, 3)
    assert [m.offset() for m in read(consumer, 3)] == [0, 1, 2]


def test_admin(server, admin, topic):
    create(admin, topic, 2, **{"retention.ms": "3600000"})
    with pytest.raises(KafkaException) as failure:
        create(admin, topic)
    assert failure.value.args[0].name() == "TOPIC_ALREADY_EXISTS"
    for future in admin.create_partitions([NewPartitions(topic, 4)]).values():
        future.result(30)
    metadata = admin.list_topics(timeout=10)
    assert len(metadata.topics[topic].partitions) == 4
    assert metadata.controller_id == 1
    resource = ConfigResource("topic", topic)
    resource.set_config("retention.ms", "7200000")
    for future in admin.alter_configs([resource]).values():
        future.result(30)
    for future in admin.describe_configs([ConfigResource("topic", topic)]).values():
        entries = future.result(30)
    assert entries["retention.ms"].value == "7200000"
    assert not entries["retention.ms"].is_default
    for future in admin.delete_topics([topic]).values():
        future.result(30)
    assert topic not in admin.list_topics(timeout=10).topics
