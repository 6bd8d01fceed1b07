"""The examples of libleat, run as a reader would run them: each against a server, and each short enough to be read.

All of it holds for every broker that speaks the protocol: tests/compat/test_examples_on_kafka.py runs the same functions
against a Kafka.
"""

import itertools
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
from tests.support import cli  # noqa: E402
from tests.support.leatd import BUILD, TOP, Leatd  # noqa: E402

FOLDER = TOP / "client/examples"
LINES_MAX = {".c": 80, ".py": 60}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker():
    with Leatd() as leatd:
        yield leatd


@pytest.fixture
def topic(broker, request):
    """A topic of one partition that no other test uses."""
    name = f"{request.node.originalname.replace('_', '-')}-{os.getpid()}-{next(_numbers)}"
    cli.run(broker.address, "topic", "create", name, "-p", "1")
    return name


def command(name, *arguments):
    return [str(BUILD / "client/examples" / f"example_{name}"), *map(str, arguments)]


def example(broker, name, *arguments, stdin=None):
    done = subprocess.run(command(name, *arguments), env=environment(broker), input=stdin, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, f"{name}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def environment(broker, **more):
    return cli.environment({"LEAT_BOOTSTRAP_SERVERS": broker.address, **more})


# The thread sanitizer has one of its own, in a process that makes threads.
SANITIZER_THREADS = 1 if os.environ.get("LEAT_SANITIZE") == "thread" else 0


def threads(process):
    """The most threads that the process was seen with until its end."""
    most = 0
    while process.poll() is None:
        try:
            most = max(most, len(os.listdir(f"/proc/{process.pid}/task")))
        except FileNotFoundError:
            break
    return most


def test_examples_are_short():
    files = [path for path in FOLDER.iterdir() if path.suffix in LINES_MAX]
    lines = {path.name: len(path.read_text().splitlines()) for path in files}
    assert not {name: count for name, count in lines.items() if count > LINES_MAX[pathlib.Path(name).suffix]}


def test_every_example_has_a_test():
    text = pathlib.Path(__file__).read_text()
    names = [path.stem for path in FOLDER.iterdir() if path.suffix in LINES_MAX]
    assert [name for name in names if f'"{name}' not in text] == []


def test_hello(broker, topic):
    assert example(broker, "hello", topic, "hi") == f"stored in {topic}-0 at offset 0\n"
    assert example(broker, "hello", topic) == f"stored in {topic}-0 at offset 1\n"
    assert cli.run(broker.address, "cat", topic).stdout == "hi\nhello\n"


def test_producer_consumer_replay(broker):
    name = f"lines-{os.getpid()}-{next(_numbers)}"
    cli.run(broker.address, "topic", "create", name, "-p", "3")
    lines = [f"key{i % 7}\tvalue {i}" for i in range(5000)]
    out = example(broker, "producer", name, stdin="\n".join(lines) + "\n")
    assert out == "5000 stored, 0 failed, 0 unanswered\n"
    out = example(broker, "consumer", name, 5000).splitlines()
    assert sorted(line.split(" ", 1)[1] for line in out) == sorted(lines)
    by_key = {}
    for line in out:
        by_key.setdefault(line.split(" ", 1)[1].split("\t")[0], []).append(int(line.rsplit(" ", 1)[1]))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert example(broker, "replay", name, 3600).startswith("5000 records since")
    assert example(broker, "replay", name, -60).startswith("0 records since")


def test_consumer_ends_at_a_signal(broker, topic):
    """leat_consumer_wakeup in the handler ends the poll that waits."""
    example(broker, "producer", topic, stdin="one\n")
    environ = environment(broker, ASAN_OPTIONS="verify_asan_link_order=0")  # stdbuf loads a library of its own first
    with subprocess.Popen(["stdbuf", "-oL", *command("consumer", topic)], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == f"{topic}-0@0 \tone\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


def test_admin(broker):
    name = f"made-by-admin-{os.getpid()}-{next(_numbers)}"
    lines = example(broker, "admin", name).splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"{name}-0", f"{name}-1", f"{name}-2"]
    assert all(line.endswith(", end 0") for line in lines[:3])
    assert lines[3:] == ["retention.ms = 7200000"]
    assert name not in cli.run(broker.address, "topic", "list").stdout.split()


@pytest.mark.parametrize("name, most", [("event_loop_epoll", 2), ("event_loop_libevent", 1)])
def test_event_loops(broker, topic, name, most):
    """One I/O thread beside the program's own, or none at all."""
    with subprocess.Popen(command(name, topic, 20), env=environment(broker), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert most <= threads(process) <= most + SANITIZER_THREADS
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[:20] == [f"record at {i}" for i in range(20)]


def test_zero_copy(broker, topic, tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "file").write_bytes(content)
    assert example(broker, "zero_copy", topic, tmp_path / "file") == "5 stored, 0 unanswered, 0 lent\n"
    assert cli.run(broker.address, "cat", topic, "-f", "%v", stdin=b"").stdout == content


def test_ctypes_hello(broker, topic):
    """The shared library from a language that knows only its symbols."""
    if '"b_sanitize", "value": "none"' not in (BUILD / "meson-info/intro-buildoptions.json").read_text():
        pytest.skip("a library with a sanitizer is not loaded by an interpreter without")
    done = subprocess.run([sys.executable, FOLDER / "ctypes_hello.py", topic, "100"], capture_output=True, text=True, timeout=60,
                          check=False, env=environment(broker, LD_LIBRARY_PATH=str(BUILD / "client")))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"hello {i}" for i in range(100)]
