"""kafkajs against leatd, where node and npm are there (npm fetches the package once into tests/compat/kafkajs)."""

import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent / "kafkajs"
pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not installed"
)


def test_admin_and_producer(server, topic):
    if not (HERE / "node_modules" / "kafkajs").is_dir():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=HERE, check=True, timeout=300)
    done = subprocess.run(
        ["node", "check.js", server.address, topic], cwd=HERE, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
