"""leat against Apache Kafka: all tests of tests/integration/test_cli_admin.py, with a real broker in leatd's place.

The golden files are the same. What is leat's own, and not tried here, stands in tests/integration/test_cli_admin_leatd.py.
Needs a JDK and Maven, or LEAT_ORACLE=HOST:PORT of a Kafka of one node, with id 1 and Kafka's default settings, that is up.
"""

import os
import types

import pytest

from tests.compat import kafka
from tests.integration.test_cli_admin import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.skipif(
    not (os.environ.get("LEAT_ORACLE") or kafka.available()), reason="no JDK and Maven, and LEAT_ORACLE names no Kafka"
)


@pytest.fixture(scope="module")
def broker():
    if os.environ.get("LEAT_ORACLE"):
        yield types.SimpleNamespace(address=os.environ["LEAT_ORACLE"])
        return
    with kafka.Broker({"auto.create.topics.enable": "false"}) as broker:
        yield broker
