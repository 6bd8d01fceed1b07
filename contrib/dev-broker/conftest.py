"""A broker for a pytest session. Copy this file beside your tests; `broker` is "HOST:PORT" for any Kafka client."""

import json
import os
import subprocess
import uuid

import pytest

LEAT = os.environ.get("LEAT", "leat")


@pytest.fixture(scope="session")
def broker():
    with subprocess.Popen(
        [LEAT, "dev", "--port", "0", "--http-port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()  # printed once it answers; empty if it could not start
        assert line, "leat dev did not start"
        yield json.loads(line)["broker"]
        process.terminate()


@pytest.fixture
def topic(broker):
    """A fresh topic for one test: tests that share a broker do not see each other's records."""
    name = f"test-{uuid.uuid4()}"
    subprocess.run([LEAT, "topic", "create", name, "-p", "1", "-q", "-b", broker], check=True, stdout=subprocess.DEVNULL)
    return name
