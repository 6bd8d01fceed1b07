"""leat doctor: each obstacle that a client may meet is told apart, with what to do about it."""

import contextlib
import json
import socket
import threading

import pytest

from tests.support.cli import golden, run
from tests.support.leatd import Leatd


def doctor(address, *args, status=0):
    done = run(address, "doctor", "--json", "--timeout", "5s", *args, status=status)
    return json.loads(done.stdout)["checks"], done


def rows(checks, name):
    return [row for row in checks if row["check"] == name]


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        yield leatd


@contextlib.contextmanager
def listener(answer):
    """A port of this machine; `answer(connection)` for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    conn, _ = server.accept()
                    kept.append(conn)
                    answer(conn)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for conn in kept:
            conn.close()


def test_a_healthy_broker(server):
    checks, done = doctor(server.address)
    assert {row["status"] for row in checks} == {"ok"}
    assert [row["check"] for row in checks] == [
        "bootstrap", "TLS", "SASL", "server", "metadata", "advertised", "disk", "file limit", "seccomp", "io_uring", "round trip",
    ]  # fmt: skip
    golden("doctor.json", done.stdout, mask={"message"})
    text = run(server.address, "doctor").stdout
    assert "not used: security.protocol is PLAINTEXT" in text and text.endswith("11 ok, 0 warn, 0 FAIL\n")
    assert str(server.pid) in rows(checks, "file limit")[0]["message"]


def test_write_makes_a_round_trip_and_leaves_nothing(server):
    checks, _ = doctor(server.address, "--write")
    assert rows(checks, "round trip")[0]["message"].startswith("a record came back in")
    assert rows(checks, "clock")[0]["status"] == "ok"
    assert json.loads(run(server.address, "topic", "list", "--json").stdout)["topics"] == []


def failed(address, *words, status=1):
    checks, _ = doctor(address, status=status)
    bad = [row for row in checks if row["status"] == "FAIL"]
    assert len(bad) == 1 and bad[0]["fix"], checks
    for word in words:
        assert word in bad[0]["message"] + bad[0]["fix"], bad
    return bad[0]


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        failed(f"127.0.0.1:{free.getsockname()[1]}", "no connection", "refused", "is the broker running")


def test_a_name_that_does_not_resolve():
    failed("no-such-host.invalid:9092", "does not resolve", "check its spelling")


def test_an_address_that_is_none():
    failed("localhost:port", "is no HOST:PORT")


def test_tls_spoken_to_in_plaintext():
    def alert(conn):
        conn.recv(100)
        conn.sendall(bytes.fromhex("15030300020232"))

    with listener(alert) as address:
        failed(address, "speaks TLS", "plaintext listener")


def test_a_black_hole():
    with listener(lambda conn: None) as address:
        checks, _ = doctor(address, "--timeout", "300ms", status=1)
        assert "never answers" in rows(checks, "bootstrap")[0]["message"]


def test_a_door_that_is_shut():
    def shut(conn):
        conn.recv(100)
        conn.shutdown(socket.SHUT_RDWR)

    with listener(shut) as address:
        failed(address, "closes it without an answer")


def test_a_web_server(server):
    def web(conn):
        conn.recv(100)
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listener(web) as address:
        failed(address, "is a web server")


def test_an_advertised_address_that_is_wrong():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with Leatd({"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"}) as leatd:
            bad = failed(leatd.address, "advertised.listeners", str(port))
            assert bad["check"] == "advertised"


def test_one_address_of_two_is_enough_to_go_on(server):
    checks, _ = doctor(f"no-such-host.invalid:1,{server.address}", status=1)
    assert [row["status"] for row in rows(checks, "bootstrap")] == ["FAIL", "ok"]
    assert rows(checks, "metadata")


def test_colours(server):
    assert "\033[" not in run(server.address, "doctor").stdout
    assert "\033[32mok" in run(server.address, "doctor", "--color", "always").stdout
    assert "want auto, always or never" in run(None, "doctor", "--color", "blue", status=2).stderr


@pytest.mark.parametrize("scheme", ["kafka", "leat"])
def test_addresses_with_a_scheme(server, scheme):
    run(None, "ping", "-b", f"{scheme}://{server.address}")
    run(None, "ping", "-b", f"{scheme}://{server.address}/")


@pytest.mark.parametrize("address", ["kafka+ssl://b:9092", "kafka://me@b:9092", "http://b:9092"])
def test_schemes_that_are_not_built_are_refused(address):
    assert "in this release" in run(None, "ping", "-b", address, status=2).stderr


def test_verbose_prints_requests(server):
    assert "Metadata" in run(server.address, "-vv", "topic", "list").stderr
    assert run(server.address, "topic", "list").stderr == ""


def test_ping(server):
    golden("ping.json", run(server.address, "ping", "--json").stdout, mask={"address", "ms"})
    assert '"brokers": [{' in run(None, "ping", "--format", "help").stdout
    run("127.0.0.1:1", "ping", status=3)
