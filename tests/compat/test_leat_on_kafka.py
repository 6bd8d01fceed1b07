"""leat against Apache Kafka: all tests of tests/integration/test_records.py, with a real broker in leatd's place.

Needs a JDK and Maven, or LEAT_ORACLE=HOST:PORT of a Kafka that is up. What is leat's own and not tried here stands in
tests/integration/test_records_leatd.py: a server that is killed and comes back, and the settings of leatd.
"""

import uuid

import pytest

from tests.compat import oracle
from tests.integration.test_records import *  # noqa: F403 - the tests themselves
from tests.integration.test_records import make
from tests.support.cli import run

pytestmark = oracle.needed


@pytest.fixture(scope="module")
def broker():
    with oracle.running() as broker:
        yield broker


def test_markers_of_transactions(broker):
    """Only a Kafka has them yet: read_committed is the default, --read-uncommitted and --print-control show the rest."""
    confluent_kafka = pytest.importorskip("confluent_kafka")
    name = make(broker, "markers")
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.address, "transactional.id": f"t-{uuid.uuid4()}"})
    producer.init_transactions(30)
    for value, end in (("kept", producer.commit_transaction), ("dropped", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(name, value)
        producer.flush(30)
        end(30)
    kept = run(broker.address, "cat", name).stdout
    assert kept == "kept\n"
    assert run(broker.address, "cat", name, "--read-uncommitted").stdout == "kept\ndropped\n"
    shown = run(broker.address, "cat", name, "--read-uncommitted", "--print-control", "-f", "%o %a{control}\n").stdout
    assert shown.splitlines() == ["0 ", "1 commit", "2 ", "3 abort"]
    assert '"control":"commit"' in run(broker.address, "cat", name, "--print-control", "--json").stdout
