"""The dialogue of tests/integration/test_idempotence.py, held with a real Kafka: its answers are the expected ones too."""

import pytest

from tests.compat import kafka
from tests.integration.test_idempotence import hold_dialogue


@pytest.mark.skipif(not kafka.available(), reason="skipped: no JDK and Maven for Kafka itself")
def test_kafka_answers_the_same():
    with kafka.Broker() as broker:
        host, port = broker.address.rsplit(":", 1)
        assert hold_dialogue(host, int(port), "talk") == []
