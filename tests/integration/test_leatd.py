"""leatd as a process: its command line, the line that says that it answers, signals, its lock."""

import json
import os
import signal
import socket
import struct
import subprocess

import pytest

from tests.support.leatd import BUILD, Leatd


def leatd(*args, **more):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_")}
    return subprocess.run(
        [BUILD / "leatd", *args], capture_output=True, text=True, timeout=60, check=False, env=environ, **more
    )


def exact(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def call(sock, key, version, body, correlation=7):
    header = struct.pack(">hhih", key, version, correlation, -1)
    sock.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
    size, answered = struct.unpack(">ii", exact(sock, 8))
    assert answered == correlation
    return exact(sock, size - 4)


def test_ready_line_names_what_answers():
    with Leatd() as server:
        assert server.ready["pid"] == server.process.pid
        assert server.ready["data"] == server.data
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            body = call(sock, 18, 0, b"")
            error, count = struct.unpack(">hi", body[:6])
            keys = [struct.unpack(">hhh", body[6 + 6 * i : 12 + 6 * i]) for i in range(count)]
            assert error == 0
            assert keys == sorted(keys) and len({k for k, _, _ in keys}) == count
            assert (0, 0, 13) in keys and (1, 4, 18) in keys and (18, 0, 4) in keys
            assert all(low <= high for _, low, high in keys)


def test_too_new_api_versions_gets_error_35():
    with Leatd() as server, socket.create_connection((server.host, server.port), timeout=10) as sock:
        # KIP-511: version 0, error 35, exactly the range of this API; the connection stays.
        assert call(sock, 18, 99, b"\x00garbage") == bytes.fromhex("0023000000010012 00000004".replace(" ", ""))
        assert call(sock, 18, 0, b"")[:2] == b"\0\0"


def test_software_name_is_checked():
    with Leatd() as server, socket.create_connection((server.host, server.port), timeout=10) as sock:
        assert call(sock, 18, 3, b"\0\x02!\x04100\0")[:3] == bytes.fromhex("002a01")
        assert call(sock, 18, 3, b"\0\x05leat\x061.0.0\0")[:2] == b"\0\0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(number):
    with Leatd() as server:
        with socket.create_connection((server.host, server.port), timeout=10) as idle:
            call(idle, 18, 0, b"")  # accepted, not only in the kernel's queue, which a closing listener resets
            server.process.send_signal(number)
            assert server.process.wait(timeout=30) == 0
            assert idle.recv(1) == b""
        assert os.path.exists(os.path.join(server.data, ".kafka_cleanshutdown"))


def test_sighup_reads_the_file_again(tmp_path):
    config = tmp_path / "leat.properties"
    config.write_text("slow.request.ms=1000\n")
    with Leatd(config=config) as server:
        config.write_text("slow.request.ms=1000\nno.such.key=1\n")
        server.process.send_signal(signal.SIGHUP)
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            call(sock, 18, 0, b"")
        server.stop()
        assert "reload_failed" in server.log()


def test_sigusr2_tells_the_state():
    with Leatd() as server, socket.create_connection((server.host, server.port), timeout=10) as sock:
        call(sock, 18, 0, b"")
        server.process.send_signal(signal.SIGUSR2)
        server.process.send_signal(signal.SIGUSR2)  # may come as one
        call(sock, 18, 0, b"")
        server.stop()
        lines = server.log().splitlines()
        assert any("state_server" in line and "connections=1" in line for line in lines), lines
        for event in ("state_loop", "state_store", "state_directory"):
            assert any(event in line for line in lines)
        assert "offline=0" in next(line for line in lines if "state_store" in line)


def test_a_signal_that_asks_does_not_end_a_start(tmp_path):
    """A pipe as configuration file holds the start where the settings are read."""
    pipe = tmp_path / "leat.properties"
    os.mkfifo(pipe)
    command = [str(BUILD / "leatd"), "-c", str(pipe), "--data", str(tmp_path / "data"), "--ready-fd", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        with open(pipe, "w") as config:  # opens when it is opened for reading
            process.send_signal(signal.SIGUSR2)
            config.write("listeners=PLAINTEXT://127.0.0.1:0\nhttp.listeners=\n")
        assert b'"kafka"' in process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_new_connections_come_at_a_rate():
    """Three at once, then the door shuts and opens again by itself: nobody is refused."""
    with Leatd({"max.connection.creation.rate": "3"}) as server:
        socks = [socket.create_connection((server.host, server.port), timeout=30) for _ in range(5)]
        for sock in socks:
            call(sock, 18, 0, b"")
            sock.close()
        server.stop()
        assert "connections_too_fast" in server.log()


def test_a_second_server_on_the_same_data_names_the_first():
    with Leatd() as server:
        second = leatd("--data", server.data, "--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "http.listeners=")
        assert second.returncode == 1
        assert str(server.pid) in second.stderr
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            call(sock, 18, 0, b"")


def test_a_port_that_is_taken_is_named(tmp_path):
    with Leatd() as server:
        second = leatd(
            "--data", str(tmp_path / "data"), "--set", f"listeners=PLAINTEXT://{server.address}",
            "--set", "http.listeners=",
        )
        assert second.returncode == 1
        assert f"{server.host}:{server.port}" in second.stderr and "in use" in second.stderr
    # The first start failed after the data directory was made: the next one takes it.
    with Leatd(data=str(tmp_path / "data")):
        pass


def test_two_listeners_and_ipv6():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    settings = {
        "listeners": "PLAINTEXT://127.0.0.1:0,INTERNAL://[::1]:0",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT",
        "advertised.listeners": "INTERNAL://broker.example:19092",
    }
    with Leatd(settings) as server:
        first, second = server.ready["kafka"]
        assert first.startswith("127.0.0.1:") and second.startswith("[::1]:")
        for address, expected in ((first, ("127.0.0.1", int(first.rsplit(":", 1)[1]))),
                                  (second, ("broker.example", 19092))):
            host, port = address.rsplit(":", 1)
            with socket.create_connection((host.strip("[]"), int(port)), timeout=10) as sock:
                body = call(sock, 3, 1, b"\0\0\0\0")  # Metadata 1, no topics: brokers only
                count, node, size = struct.unpack(">iih", body[:10])
                assert count == 1 and node == 1
                told = (body[10 : 10 + size].decode(), struct.unpack(">i", body[10 + size : 14 + size])[0])
                assert told == expected


def test_command_line():
    assert leatd("--version").stdout.startswith("leatd ")
    assert "--ready-fd" in leatd("--help").stdout
    assert leatd("--no-such-option").returncode == 2
    assert leatd("--ready-fd", "x").returncode == 2
    wrong = leatd("--set", "lisenters=x")
    assert wrong.returncode == 1 and "listeners" in wrong.stderr
    printed = leatd("--print-config=json")
    assert printed.returncode == 0
    json.loads(printed.stdout)
    assert leatd("--print-config=md").stdout.startswith("#")


def test_ten_thousand_pipelined_requests_in_one_piece():
    with Leatd() as server, socket.create_connection((server.host, server.port), timeout=30) as sock:
        one = struct.pack(">ihhih", 10, 18, 0, 1, -1)
        sock.sendall(one * 10000)
        size = struct.unpack(">i", exact(sock, 4))[0]
        exact(sock, size)
        rest = exact(sock, 9999 * (size + 4))
        assert rest[:8] == struct.pack(">ii", size, 1)


@pytest.mark.parametrize("number", ["5", "9", "4294967301", "-1", "x"])
def test_ready_fd_must_be_open(number, tmp_path):
    # A number that is free would be given to a data file, which then got the line.
    done = leatd("--data", str(tmp_path), "--set", "listeners=PLAINTEXT://127.0.0.1:0", "--ready-fd", number)
    assert done.returncode == 2
    assert "is no open descriptor" in done.stderr


def test_closed_standard_descriptors_are_not_given_to_data(tmp_path):
    ready, line = os.pipe()
    settings = ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "http.listeners="]
    command = [str(BUILD / "leatd"), "--data", str(tmp_path), "--ready-fd", str(line), *settings]
    with subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], pass_fds=[line]) as process:
        os.close(line)
        with os.fdopen(ready) as lines:
            assert json.loads(lines.readline())["pid"] == process.pid
        for number in (0, 1, 2):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_check_config_names_place_and_key(tmp_path):
    done = leatd("--check-config", "--config", str(tmp_path / "none"))
    assert done.stdout == f"{tmp_path}/none: error: cannot read: No such file or directory\n"
    done = leatd("--check-config", "--set", "listeners=x", "--data", str(tmp_path))
    assert done.stdout.splitlines()[0] == "--set: error: listeners: x is not NAME://HOST:PORT"
