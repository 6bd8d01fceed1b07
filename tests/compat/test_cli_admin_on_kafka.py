"""leat against Apache Kafka: all tests of tests/integration/test_cli_admin.py, with a real broker in leatd's place.

The golden files are the same. What is leat's own, and not tried here, stands in tests/integration/test_cli_admin_leatd.py.
Needs a JDK and Maven, or LEAT_ORACLE=HOST:PORT of a Kafka of one node, with id 1 and Kafka's default settings, that is up.
"""

import pytest

from tests.compat import oracle
from tests.integration.test_cli_admin import *  # noqa: F403 - the tests themselves

pytestmark = oracle.needed


@pytest.fixture(scope="module")
def broker():
    with oracle.running({"auto.create.topics.enable": "false"}) as broker:
        yield broker
