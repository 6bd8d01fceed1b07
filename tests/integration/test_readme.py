"""The README's quick start, run as it stands.

Only the port is the test's: build/leat is a script that gives `leat dev` a free one and tells it to the other commands."""

import re
import socket
import subprocess

from tests.support.cli import LEAT, environment
from tests.support.leatd import TOP


def quick_start():
    text = (TOP / "README.md").read_text().split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", text, re.S)
    block = next(b for b in blocks if "build/leat dev" in b)
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def test_quick_start(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "build").mkdir()
    wrapper = tmp_path / "build/leat"
    wrapper.write_text(
        f"""#!/bin/sh
export LEAT_BOOTSTRAP_SERVERS=127.0.0.1:{port}
if [ "$1" = dev ]; then
    exec {LEAT} "$@" --port {port} --http-port 0
fi
exec {LEAT} "$@"
"""
    )
    wrapper.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    script = "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n" + "\n".join(quick_start()) + "\n"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env=environment({"TMPDIR": str(tmp_path / "tmp")}),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'ord-42 {"id":42}' in done.stdout and '"source"' in done.stdout, done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []
