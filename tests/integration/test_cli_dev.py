"""leat dev: a broker of one's own: ready when it says so, gone without a trace whatever ends it."""

import functools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess

import pytest

from tests.support.cli import LEAT, environment, golden, run
from tests.support.leatd import BUILD

leat = functools.partial(run, None)


class Dev:
    def __init__(self, *args, port="0", tmp=None, program=LEAT, env=None):
        ports = ["--port", port, "--http-port", "0"] if port is not None else []
        self.process = subprocess.Popen(
            [program, "dev", "--json", *ports, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment({**({"TMPDIR": str(tmp)} if tmp else {}), **(env or {})}),
        )
        self.line = self.process.stdout.readline()
        self.ready = json.loads(self.line) if self.line else None

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()


def wait_gone(pid):
    """Until the process has ended; it is no child of ours."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([fd], [], [], 20)[0], f"{pid} still runs"
    os.close(fd)


def test_json_and_the_way_of_a_record(tmp_path):
    with Dev("--topic", "orders:3", "--topic", "one", tmp=tmp_path) as dev:
        golden("dev.json", dev.line, mask={"pid", "broker", "http", "data"})
        topics = json.loads(leat("topic", "list", "--json", "-b", dev.ready["broker"]).stdout)["topics"]
        assert {t["name"]: t["partitions"] for t in topics} == {"orders": 3, "one": 1}
        leat("produce", "one", "-b", dev.ready["broker"], stdin="hello\n")
        assert leat("cat", "one", "-b", dev.ready["broker"]).stdout == "hello\n"
        assert pathlib.Path(dev.ready["data"]).parent == tmp_path
        assert dev.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_clients_own_address_is_not_leatds(tmp_path):
    with Dev(tmp=tmp_path, env={"LEAT_BOOTSTRAP_SERVERS": "127.0.0.1:1"}) as dev:
        assert dev.stop() == 0
        assert dev.process.stderr.read() == ""


@pytest.mark.parametrize("number,status", [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_a_signal_ends_it_and_removes_the_data(tmp_path, number, status):
    with Dev(tmp=tmp_path) as dev:
        assert list(tmp_path.iterdir()) != []
        assert dev.stop(number) == status
        wait_gone(dev.ready["pid"])
    assert list(tmp_path.iterdir()) == []


def test_killed_it_takes_leatd_along(tmp_path):
    with Dev("--topic", "t:2", tmp=tmp_path) as dev:
        assert dev.stop(signal.SIGKILL) == -signal.SIGKILL
        wait_gone(dev.ready["pid"])
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_leatd_is_told(tmp_path):
    with Dev(tmp=tmp_path) as dev:
        os.kill(dev.ready["pid"], signal.SIGKILL)
        assert dev.process.wait(timeout=20) == 1
        assert "leatd has ended by itself (signal 9)" in dev.process.stderr.read()


def test_keep_and_data(tmp_path):
    with Dev("--keep", "--topic", "t", tmp=tmp_path) as dev:
        kept = pathlib.Path(dev.ready["data"])
        assert dev.ready["kept"] and kept.parent == tmp_path
        leat("produce", "t", "-b", dev.ready["broker"], stdin="first\n")
        assert dev.stop() == 0
    with Dev("--data", str(kept), "--topic", "t") as dev:
        assert dev.ready["kept"] and dev.ready["data"] == str(kept)
        assert leat("cat", "t", "-b", dev.ready["broker"]).stdout == "first\n"
    assert kept.is_dir()


def test_ready_fd_gets_the_addresses_after_the_topics(tmp_path):
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [LEAT, "dev", "-q", "--port", "0", "--http-port", "0", "--topic", "t:2", "--ready-fd", str(write_end)],
        pass_fds=[write_end],
        env=environment({"TMPDIR": str(tmp_path)}),
    )
    os.close(write_end)
    with os.fdopen(read_end) as ready:
        line = json.loads(ready.read())
    assert leat("topic", "describe", "t", "-b", line["kafka"][0]).stdout
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_without_ports_a_taken_one_is_no_obstacle(tmp_path):
    with Dev(port=None, tmp=tmp_path) as first, Dev(port=None, tmp=tmp_path) as second:
        assert len({first.ready["broker"], second.ready["broker"]}) == 2
        assert len({first.ready["http"], second.ready["http"]}) == 2
        leat("ping", "-b", second.ready["broker"])


def test_a_port_that_was_asked_for_must_be_free(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = leat("dev", "--port", str(taken.getsockname()[1]), environ={"TMPDIR": str(tmp_path)}, status=1)
        assert "cannot listen on" in done.stderr and "did not start" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [["--port", "x"], ["--topic", ":3"], ["--topic", "a:0"], ["--ready-fd", "99"], ["name"]])
def test_wrong_usage(flags):
    assert leat("dev", *flags, status=2).stdout == ""


def test_leatd_is_found_beside_leat_only_if_it_is_there(tmp_path):
    alone = tmp_path / "leat"
    shutil.copy(LEAT, alone)
    done = subprocess.run(
        [alone, "dev", "--port", "0"], env=environment({"PATH": "/proc/nonexistent"}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "cannot run" in done.stderr
    (tmp_path / "leatd").symlink_to(BUILD / "leatd")
    with Dev(program=alone, env={"PATH": "/proc/nonexistent"}, tmp=tmp_path) as dev:
        assert dev.ready["broker"]


def test_leatd_dev_alone(tmp_path):
    read_end, write_end = os.pipe()
    with subprocess.Popen(
        [BUILD / "leatd", "--dev", "--ready-fd", str(write_end)],
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,
        env=environment({"TMPDIR": str(tmp_path)}),
    ) as process:
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = json.loads(ready.readline())
        assert pathlib.Path(line["data"]).parent == tmp_path
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert list(tmp_path.iterdir()) == []
