"""libleat's examples against Apache Kafka: all tests of tests/integration/client/test_examples.py, with a real broker in
leatd's place. Needs a JDK and Maven, or LEAT_ORACLE=HOST:PORT of a Kafka that is up."""

import os
import types

import pytest

from tests.compat import kafka
from tests.integration.client.test_examples import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.skipif(
    not (os.environ.get("LEAT_ORACLE") or kafka.available()), reason="no JDK and Maven, and LEAT_ORACLE names no Kafka"
)


@pytest.fixture(scope="module")
def broker():
    if os.environ.get("LEAT_ORACLE"):
        yield types.SimpleNamespace(address=os.environ["LEAT_ORACLE"])
        return
    with kafka.Broker() as broker:
        yield broker
