"""The Kafka that leat's answers are compared with: the one that LEAT_ORACLE=HOST:PORT names, with the settings it has, or a
fresh one, which needs a JDK and Maven."""

import contextlib
import os
import types

import pytest

from tests.compat import kafka

ADDRESS = os.environ.get("LEAT_ORACLE")

needed = pytest.mark.skipif(not (ADDRESS or kafka.available()), reason="no JDK and Maven, and LEAT_ORACLE names no Kafka")


@contextlib.contextmanager
def running(settings=None):
    if ADDRESS:
        yield types.SimpleNamespace(address=ADDRESS)
        return
    with kafka.Broker(settings) as broker:
        yield broker
