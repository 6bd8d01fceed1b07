"""leat produce and cat when the server ends, refuses or comes back: nothing that was not acknowledged is lost silently.

These need a leatd that the test may kill; what holds for every broker stands in test_records.py.
"""

import re
import signal
import threading

import pytest

from tests.support.cli import Running, run, wait_for
from tests.support.leatd import Leatd


@pytest.fixture
def server():
    with Leatd({"auto.create.topics.enable": "false"}) as leatd:
        yield leatd


def counts(stderr):
    missing, sent = map(int, re.search(r"(\d+) of (\d+) records were not acknowledged", stderr).groups())
    return missing, sent


def test_a_server_killed_in_the_middle(server):
    """Every line that was sent is acknowledged or counted; the first that were not are named; what was acknowledged is there."""
    run(server.address, "topic", "create", "t", "-p", "1")
    with Running(server.address, "produce", "t", "--timeout", "1s", "-X", "max.block.ms=2s", "-X", "buffer.memory=1MB") as running:
        stop = threading.Event()

        def feed():
            number = 0
            try:
                while not stop.is_set():
                    running.process.stdin.write("".join(f"{number + i}\n" for i in range(100)))
                    number += 100
            except (BrokenPipeError, ValueError):
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        wait_for(lambda: run(server.address, "cat", "t", "-n", "1").stdout)
        server.kill()
        assert running.process.wait(timeout=30) == 1
        stop.set()
        err = running.process.stderr.read()
        feeder.join()
    missing, sent = counts(err)
    assert "the queue is full and nothing was acknowledged for 2000 ms" in err, err
    assert missing > 0 and sent > missing, err
    named = [int(n) for n in re.findall(r"leat:   line (\d+): ", err)]
    assert len(named) == 5 and named == sorted(named) and f"and {missing - 5} more" in err, err
    assert re.search(rf"t  {sent - missing} records  [0-9.]+ ms", err), err  # no bytes: those of the others are not known
    server.start()
    stored = run(server.address, "cat", "t").stdout.split()
    assert len(stored) >= sent - missing
    assert stored[: sent - missing] == [str(i) for i in range(sent - missing)]


def test_a_server_that_comes_back_costs_nothing(server):
    """Killed and started again on its port while lines come: all are stored, exit 0."""
    run(server.address, "topic", "create", "t", "-p", "1")
    with Running(server.address, "produce", "t") as running:
        running.process.stdin.write("first\n")
        running.process.stdin.flush()
        wait_for(lambda: run(server.address, "cat", "t").stdout)
        server.kill()
        running.process.stdin.write("second\n")
        running.process.stdin.close()
        server.settings["listeners"] = f"PLAINTEXT://{server.address}"
        server.start()
        assert running.process.wait(timeout=30) == 0, running.process.stderr.read()
    assert run(server.address, "cat", "t").stdout == "first\nsecond\n"


@pytest.mark.parametrize("command", ["consume", "tail", "produce"])
def test_who_waits_for_a_server_is_told(server, command):
    """Once, while the broker is away; what is stored when it is back comes as if nothing had been."""
    run(server.address, "topic", "create", "t", "-p", "1")
    run(server.address, "produce", "t", stdin="first\n")
    with Running(server.address, command, "t") as running:
        if command == "produce":
            running.process.stdin.write("second\n")
            running.process.stdin.flush()
            wait_for(lambda: run(server.address, "cat", "t").stdout == "first\nsecond\n")
            server.kill()
            running.process.stdin.write("third\n")
            running.process.stdin.flush()
        else:
            assert "first" in running.line()
            server.kill()
        said = running.process.stderr.readline()
        assert re.fullmatch(rf"leat: {command}: {server.address}: .*refused; trying again until it answers\n", said), said
        server.settings["listeners"] = f"PLAINTEXT://{server.address}"
        server.start()
        if command != "produce":
            run(server.address, "produce", "t", stdin="later\n")
            assert "later" in running.line()
        running.process.stdin.close()
        if command == "produce":
            assert running.process.wait(timeout=30) == 0
            assert running.process.stderr.read().startswith("t  2 records")


def test_a_server_that_is_gone_before_the_first_line(server):
    run(server.address, "topic", "create", "t", "-p", "1")
    with Running(server.address, "produce", "t", "--timeout", "1s") as running:
        running.process.stdin.write("x\n")
        running.process.stdin.flush()
        wait_for(lambda: run(server.address, "cat", "t").stdout)
        server.kill()
        running.process.stdin.write("a\nb\n")
        status, _, err = running.end()
        assert status == 1 and counts(err) == (2, 3)
        assert "line 2: " in err and "line 3: " in err


def test_ctrl_c_while_the_server_is_gone(server):
    """It ends at once, although the library would still try, and says what is open."""
    run(server.address, "topic", "create", "t", "-p", "1")
    with Running(server.address, "produce", "t") as running:
        running.process.stdin.write("x\n")
        running.process.stdin.flush()
        wait_for(lambda: run(server.address, "cat", "t").stdout)
        server.kill()
        running.process.stdin.write("a\n")
        running.process.stdin.flush()
        status, _, err = running.interrupt()
        assert status == 130 and ("1 of 2 records were not acknowledged" in err or "t/0@0" in err)


def test_a_topic_that_is_not_there(server):
    done = run(server.address, "produce", "nowhere", stdin="x\n", status=1)
    assert done.stderr == "leat: there is no topic 'nowhere' (UNKNOWN_TOPIC_OR_PARTITION, 3)\n"


def test_cat_of_a_server_that_stops_answering_ends(server):
    """SIGSTOP: no answer comes any more. cat gives up after --timeout and says how far it came."""
    run(server.address, "topic", "create", "t", "-p", "1")
    run(server.address, "produce", "t", stdin="x" * 1000 + "\n" + ("y" * 1000 + "\n") * 200_000)
    with Running(server.address, "cat", "t", "--timeout", "1s", "-X", "fetch.max.bytes=100000") as running:
        assert running.line().startswith("x")
        server.process.send_signal(signal.SIGSTOP)
        running.process.stdout.read()
        err = running.process.stderr.read()
        assert running.process.wait(timeout=30) == 3, err
        server.process.send_signal(signal.SIGCONT)
        assert "nothing came for 1 s; t/0 is read up to offset" in err
