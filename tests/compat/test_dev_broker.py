"""contrib/dev-broker/orders_test.go: a Go test with a broker of its own."""

import os
import shutil

import pytest

from tests.integration.test_dev_broker import run_there


def test_go(tmp_path):
    if shutil.which("go") is None:
        pytest.skip("no Go toolchain here: contrib/dev-broker/orders_test.go is not run")
    cache = os.environ.get("GOCACHE") or os.path.expanduser("~/.cache/go-build")
    out = run_there("go", "test", "-count=1", "./...", tmp_path=tmp_path, GOCACHE=cache, GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
    assert out.startswith("ok")
