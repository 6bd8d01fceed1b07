"""libleat's examples against Apache Kafka: all tests of tests/integration/client/test_examples.py, with a real broker in
leatd's place. Needs a JDK and Maven, or LEAT_ORACLE=HOST:PORT of a Kafka that is up."""

import pytest

from tests.compat import oracle
from tests.integration.client.test_examples import *  # noqa: F403 - the tests themselves

pytestmark = oracle.needed


@pytest.fixture(scope="module")
def broker():
    with oracle.running() as broker:
        yield broker
