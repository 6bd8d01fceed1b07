"""contrib/dev-broker/ works as it stands: pytest and a shell script; its Go test is in tests/compat."""

import subprocess
import sys

from tests.support.cli import LEAT, environment
from tests.support.leatd import TOP

HERE = TOP / "contrib/dev-broker"


def run_there(*command, tmp_path, **more):
    env = environment({"LEAT": str(LEAT), "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path), **more})
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    left = [p for p in (tmp_path / "tmp").iterdir() if p.name.startswith("leat-")]
    assert left == []
    return done.stdout


def test_pytest_fixture(tmp_path):
    out = run_there(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", ".", tmp_path=tmp_path)
    assert "2 passed" in out


def test_shell_script(tmp_path):
    assert "the record came back" in run_there("./orders.sh", tmp_path=tmp_path)
