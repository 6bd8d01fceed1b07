"""leat-bench against a real Kafka 4.3.1, and its first lines beside those of Kafka's own tools. Needs a JDK and Maven."""

import re

import pytest

from tests.compat import kafka
from tests.support.bench import CONSUMER_LINES, PRODUCER_LINE, bench, bench_json

pytestmark = pytest.mark.skipif(not kafka.available(), reason="java and mvn are not installed")
QUICK = ["--warmup", "0", "--repeat", "1"]


@pytest.fixture(scope="module")
def broker():
    with kafka.Broker() as started:
        yield started


def test_produce_and_consume(broker, topic):
    address = broker.address
    done = bench(address, "produce", "-t", topic, "--create", "3,retention.ms=-1", "-n", "3000", "--keys", "sequence", "--clients", "2", *QUICK,
                 "--server-pid", str(broker.process.pid))
    assert PRODUCER_LINE.match(done.stdout)["records"] == "3000" and "CPU s" in done.stdout
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        bench(address, "produce", "-t", topic, "-n", "500", "--compression-type", codec, *QUICK)
    assert CONSUMER_LINES.match(bench(address, "consume", "-t", topic, "--clients", "2", "--repeat", "1").stdout)["records"] == "5000"
    run = bench_json(address, "consume", "-t", topic, "--cold", "--repeat", "1")["loads"][0]["runs"][0]
    assert run["records"] == 5000 and 0 <= run["coldPercent"] <= 100


def test_e2e(broker, topic):
    for args in (["--throughput", "1000"], []):
        run = bench_json(broker.address, "e2e", "-t", topic, "--create", "2", "-n", "200", "--linger", "0", *QUICK, *args)["loads"][0]["runs"][0]
        assert (run["records"], run["negativeSamples"], run["unreadableSamples"]) == (200, 0, 0)


def test_raw(broker, topic):
    told = bench_json(broker.address, "raw", "-t", topic, "--create", "1", "--total", "2MiB", *QUICK)
    assert [load["workload"] for load in told["loads"]] == ["produce", "fetch"]
    assert all(load["runs"][0]["complete"] and load["runs"][0]["requests"] > 0 for load in told["loads"])


def test_verify(broker, topic, tmp_path):
    state = tmp_path / "state"
    done = bench(broker.address, "verify", "-t", topic, "--create", "3", "-n", "3000", "--clients", "2", "--state", str(state), "--delete")
    assert "3000 records: 0 lost, 0 doubled, 0 reordered, 0 changed" in done.stdout


def test_the_same_lines_as_kafkas_tools(broker, topic):
    bench(broker.address, "produce", "-t", topic, "--create", "1", "-n", "1000", *QUICK)
    produced = kafka.tool(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", "1000", "--record-size", "100", "--throughput", "-1",
        "--command-property", f"bootstrap.servers={broker.address}")
    assert PRODUCER_LINE.search(produced)["records"] == "1000", produced
    consumed = kafka.tool("org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", broker.address, "--topic", topic, "--num-records", "2000")
    assert int(CONSUMER_LINES.search(consumed)["records"]) >= 2000, consumed
    e2e = kafka.tool("org.apache.kafka.tools.EndToEndLatency", "--bootstrap-server", broker.address, "--topic", topic, "--num-records", "20",
                     "--producer-acks", "1", "--record-size", "100")
    assert re.search(r"^Avg latency: \d+\.\d{4} ms$", e2e, re.M) and re.search(r"^Percentiles: 50th = \d+, 99th = \d+, 99\.9th = \d+$", e2e, re.M), e2e
