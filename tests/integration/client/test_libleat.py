"""libleat as an application has it: its symbols, and calls against a leatd that runs, dies, is short of memory."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
from tests.support.leatd import BUILD, TOP, Leatd  # noqa: E402

EXAMPLES = BUILD / "client/examples"


def run(command, address=None, stdin=None, timeout=60):
    environ = dict(os.environ, HOME="/proc/nonexistent")
    if address:
        environ["LEAT_BOOTSTRAP_SERVERS"] = address
    done = subprocess.run([str(word) for word in command], input=stdin, env=environ, capture_output=True, text=True,
                          timeout=timeout, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", name="server")
def fixture_server():
    with Leatd() as server:
        yield server


def exported():
    library = (BUILD / "client/libleat.so").resolve()
    lines = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[2] for line in lines.splitlines())


def test_symbols_are_those_of_the_list():
    """Public signatures only grow: a name that is gone or new shows here."""
    ours = [name for name in exported() if not re.match(r"_+(asan|ubsan|tsan|odr|init|fini)", name)]
    assert ours == (TOP / "tests/golden/libleat.symbols").read_text().split()


def test_header_declares_what_is_exported():
    header = (TOP / "client/include/leat/leat.h").read_text()
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    assert sorted(set(re.findall(r"\b(leat_\w+)\(", header))) == [n for n in exported() if n.startswith("leat_")]


def test_admin_calls(server):
    run([BUILD / "tests/integration/client/admin_walk", server.address])


def test_memory_may_end_anywhere(server):
    run([BUILD / "tests/integration/client/short_memory", server.address], timeout=250)


def test_unreachable_is_explained():
    environ = dict(os.environ, LEAT_BOOTSTRAP_SERVERS="127.0.0.1:2,no-such-host.invalid:9092", HOME="/proc/nonexistent")
    done = subprocess.run([EXAMPLES / "example_hello"], env=environ, capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "127.0.0.1:2 (127.0.0.1:2: Connection refused)" in done.stderr
    assert "no-such-host.invalid:9092 (name not resolved" in done.stderr


def test_survives_kill_and_restart():
    """A consumer and a producer go on when the server comes back at the same port."""
    with Leatd() as first:
        port = first.port
        run([EXAMPLES / "example_hello", "t", "one"], first.address)
        first.kill()
        with Leatd({"listeners": f"PLAINTEXT://127.0.0.1:{port}"}, data=first.data) as second:
            assert "at offset 1" in run([EXAMPLES / "example_hello", "t", "two"], second.address)
            assert len(run([EXAMPLES / "example_consumer", "t", "2"], second.address).splitlines()) == 2
