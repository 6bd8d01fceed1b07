"""Fixtures of the client matrix: one server for all tests of a file, a topic of its own for each test."""

import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support.leatd import Leatd  # noqa: E402

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        yield leatd


@pytest.fixture
def topic(request):
    """A topic name that no other test uses."""
    return f"{request.node.name.split('[')[0].replace('_', '-')}-{next(_numbers)}"
