"""Kafka's own command line tools (4.3.1) against leatd, and its dump tool on leatd's files. Needs a JDK and Maven."""

import pathlib
import re
import subprocess

import pytest

from tests.compat import kafka

pytestmark = pytest.mark.skipif(not kafka.available(), reason="java and mvn are not installed")
TOOLS = "org.apache.kafka.tools."


def topics(server, *args, **options):
    return kafka.tool(TOOLS + "TopicCommand", "--bootstrap-server", server.address, *args, **options)


def perf(server, topic, count, codec="none"):
    return kafka.tool(
        TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", str(count), "--record-size", "100", "--throughput", "-1",
        "--command-property", f"bootstrap.servers={server.address}", f"compression.type={codec}",
    )


def test_topics(server, topic):
    assert "Created topic" in topics(server, "--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=3600000")
    assert topic in topics(server, "--list").splitlines()
    description = topics(server, "--describe", "--topic", topic)
    assert "PartitionCount: 3" in description and "retention.ms=3600000" in description
    assert "already exists" in topics(server, "--create", "--topic", topic, check=False)
    topics(server, "--alter", "--topic", topic, "--partitions", "5")
    assert "PartitionCount: 5" in topics(server, "--describe", "--topic", topic)
    topics(server, "--delete", "--topic", topic)
    assert topic not in topics(server, "--list").splitlines()


def test_configs(server, topic):
    topics(server, "--create", "--topic", topic)
    entity = ["--bootstrap-server", server.address, "--entity-type", "topics", "--entity-name", topic]
    kafka.tool("kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", "retention.ms=1234567,cleanup.policy=[compact,delete]")
    shown = kafka.tool("kafka.admin.ConfigCommand", *entity, "--describe")
    assert "retention.ms=1234567" in shown and "cleanup.policy=compact,delete" in shown
    kafka.tool("kafka.admin.ConfigCommand", *entity, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms" not in kafka.tool("kafka.admin.ConfigCommand", *entity, "--describe")
    refused = kafka.tool("kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", "no.such.key=1", check=False)
    assert "Unknown topic config name" in refused


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_producer_offsets_and_dump(server, topic, codec):
    """What Kafka's producer writes in each codec, its dump tool reads from our segment, index and time index."""
    topics(server, "--create", "--topic", topic)
    assert "5000 records sent" in perf(server, topic, 5000, codec)
    offsets = kafka.tool(TOOLS + "GetOffsetShell", "--bootstrap-server", server.address, "--topic", topic)
    assert f"{topic}:0:5000" in offsets
    directory = pathlib.Path(server.data) / f"{topic}-0"
    for name in ["00000000000000000000.log"]:
        dump = kafka.tool(TOOLS + "DumpLogSegments", "--files", str(directory / name), "--print-data-log", check=False)
        counts = [int(n) for n in re.findall(r"baseOffset: \d+ lastOffset: \d+ count: (\d+)", dump)]
        assert sum(counts) == 5000
        assert f"compresscodec: {codec.upper() if codec != 'none' else 'NONE'}" in dump.replace("NoCompression", "NONE").replace(f"compresscodec: {codec}", f"compresscodec: {codec.upper()}")
        assert "isvalid: false" not in dump


def test_delete_records(server, topic, tmp_path):
    topics(server, "--create", "--topic", topic)
    perf(server, topic, 1000)
    plan = tmp_path / "plan.json"
    plan.write_text('{"version":1,"partitions":[{"topic":"%s","partition":0,"offset":300}]}' % topic)
    done = kafka.tool(TOOLS + "DeleteRecordsCommand", "--bootstrap-server", server.address, "--offset-json-file", str(plan))
    assert "low_watermark: 300" in done
    earliest = kafka.tool(TOOLS + "GetOffsetShell", "--bootstrap-server", server.address, "--topic", topic, "--time", "-2")
    assert f"{topic}:0:300" in earliest


def test_dump_of_cleanly_stopped_server(topic):
    """After a clean stop nothing follows the last batch, and index and time index agree with the log."""
    from tests.support.leatd import BUILD, Leatd

    with Leatd() as server:
        topics(server, "--create", "--topic", topic, "--config", "index.interval.bytes=1000")
        perf(server, topic, 20000)
        assert server.stop() == 0
        directory = pathlib.Path(server.data) / f"{topic}-0"
        files = sorted(directory.glob("*.log")) + sorted(directory.glob("*.index")) + sorted(directory.glob("*.timeindex"))
        assert len(files) >= 3
        dump = kafka.tool(TOOLS + "DumpLogSegments", "--files", ",".join(map(str, files)), "--verify-index-only", check=False)
        for complaint in ["mismatch", "Mismatch", "Found timestamp", "out of order", "Exception"]:
            assert complaint not in dump, dump
        verify = subprocess.run([BUILD / "leat-segment", "verify", directory], capture_output=True, text=True, check=False, timeout=60)
        assert verify.returncode == 0, verify.stdout + verify.stderr
