"""Two tests that use the broker of conftest.py; here through `leat`, as well through any Kafka client."""

import subprocess

from conftest import LEAT


def produce(broker, topic, text):
    subprocess.run([LEAT, "produce", topic, "-q", "-b", broker], input=text, text=True, check=True)


def consume(broker, topic):
    return subprocess.run([LEAT, "cat", topic, "-b", broker], capture_output=True, text=True, check=True).stdout


def test_records_come_back(broker, topic):
    produce(broker, topic, "one\ntwo\n")
    assert consume(broker, topic) == "one\ntwo\n"


def test_a_topic_is_fresh(broker, topic):
    assert consume(broker, topic) == ""
