"""leat-bench against a running server: what it prints, what it counts, and that it tells the truth when things go wrong.

Speed is never looked at; that figures are right where the answer is known is.
"""

import json
import os
import re
import shutil
import select
import signal
import socket
import struct
import subprocess
import threading

import pytest

from tests.support.bench import CONSUMER_LINES, PRODUCER_LINE, bench, bench_json, command, environ, start
from tests.support.leatd import BUILD, Leatd
from tests.support.wire import Connection, Record, build_batch, crc32c

QUICK = ["--warmup", "0", "--repeat", "1"]
MEMORY = "leat.durability=memory"


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        yield leatd


def count(server, topic, partitions=1):
    with Connection(server.host, server.port) as conn:
        return sum(conn.list_offsets(topic, p, -1).offset for p in range(partitions))


# ---- what is printed ----


def test_produce_prints_kafkas_line_first_and_counts_exactly(server):
    done = bench(server.address, "produce", "-t", "lines", "--create", f"1,{MEMORY}", "-n", "1234", *QUICK, "--server-pid", str(server.pid))
    first = done.stdout.splitlines()[0]
    assert PRODUCER_LINE.match(first)["records"] == "1234"
    assert count(server, "lines") == 1234
    for word in ("latency us p50", "p95", "p99.9", "p99.99", "closed loop", "batches   ", "us/request", "burst",
                 "errors     0, retries 0", "CPU s", "1 ms sleeps late by p99.9", "stolen"):
        assert word in done.stdout, word


def test_consume_prints_kafkas_lines_first(server):
    bench(server.address, "produce", "-t", "read", "--create", f"3,{MEMORY}", "-n", "5000", "--keys", "sequence", *QUICK)
    all_of_it = bench(server.address, "consume", "-t", "read", "--clients", "2", "--repeat", "1").stdout
    assert CONSUMER_LINES.match(all_of_it)["records"] == "5000"
    assert CONSUMER_LINES.match(bench(server.address, "consume", "-t", "read", "-n", "777", "--repeat", "1").stdout)["records"] == "777"


def test_json_has_openmessagings_names(server):
    told = bench_json(server.address, "produce", "-t", "json", "--create", f"2,{MEMORY}", "-n", "500", "--record-size", "64", "--repeat", "2", "--warmup", "0")
    assert (told["driver"], told["messageSize"], told["topics"], told["partitions"], told["loop"]) == ("leat-bench", 64, 1, 2, "closed")
    (load,) = told["loads"]
    assert load["workload"] == "produce" and len(load["runs"]) == 2
    run = load["runs"][0]
    assert run["batches"] >= run["requests"] > 0 and run["batchBytes"] > 32000 and run["retries"] == 0
    assert run["records"] == 500 and run["bytes"] == 32000 and run["complete"] and isinstance(run["publishRate"], list)
    for name in ("Avg", "50pct", "75pct", "95pct", "99pct", "999pct", "9999pct", "Max"):
        assert run["aggregatedPublishLatency" + name] > 0
    assert run["aggregatedPublishLatencyQuantiles"]["100.0"] == run["aggregatedPublishLatencyMax"]
    summary = load["summary"]["recordsPerSecond"]
    assert summary["min"] <= summary["median"] <= summary["max"]


def test_files_hgrm_and_plot(server, tmp_path):
    if not shutil.which("gnuplot"):
        pytest.skip("gnuplot is not installed")
    hgrm, svg = tmp_path / "out.hgrm", tmp_path / "out.svg"
    bench(server.address, "raw", "-t", "files", "--create", f"1,{MEMORY}", "--total", "1MiB", "--record-size", "1000", *QUICK,
          "--peer", server.address, "--hgrm", str(hgrm), "--plot", str(svg))
    for name in ("out.hgrm", "out.hgrm.peer", "out.hgrm.fetch", "out.hgrm.fetch.peer"):
        text = (tmp_path / name).read_text()
        assert re.match(r"\s+Value\s+Percentile TotalCount 1/\(1-Percentile\)\n\n", text) and "#[Mean    =" in text
    picture = svg.read_text()
    assert picture.startswith("<?xml") and picture.rstrip().endswith("</svg>") and "fetch (peer)" in picture


def test_plot_without_gnuplot_is_told_before_anything_runs(server, tmp_path):
    done = bench(server.address, "produce", "-t", "unplotted", "--create", "1", "-n", "1", "--plot", str(tmp_path / "x.svg"), status=1,
                 env=environ(PATH=str(tmp_path)))
    assert "gnuplot-nox" in done.stderr and done.stdout == ""
    assert isinstance(Connection(server.host, server.port).leaders("unplotted"), int)  # an error code: not made


@pytest.mark.parametrize(
    "args, said",
    [
        (["consume", "-t", "t", "--group", "g"], "consumer groups are not in this release"),
        (["produce"], "--topic is missing"),
        (["produce", "-t", "t", "--throughput", "0"], "--throughput 0"),
        (["consume", "-t", "t", "--throughput", "5"], "--throughput is for"),
        (["e2e", "-t", "t", "--record-size", "15"], "at least 16 bytes"),
        (["verify", "-t", "t", "--record-size", "8"], "at least 16 bytes"),
        (["e2e", "-t", "t", "--peer", "null"], "keeps nothing"),
        (["measure", "-t", "t"], "there are produce, consume, e2e, raw, verify and null"),
        ([], "say what to do"),
        (["consume", "-t", "t", "--hgrm", "/dev/null"], "consume measures no latency"),
        (["produce", "-t", "t", "--cold"], "--cold is for consume and raw"),
        (["produce", "-t", "t", "--record-size", "99999999999"], "at most 1073741824 bytes"),
    ],
)
def test_wrong_usage_is_2(args, said):
    done = subprocess.run([BUILD / "leat-bench", *args], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_leat_bench_is_the_same_program(server):
    done = subprocess.run([BUILD / "leat", "bench", "produce", "-b", server.address, "-t", "same", "--create", "1", "-n", "10", *QUICK],
                          capture_output=True, text=True, timeout=60, check=False, env=environ())
    assert done.returncode == 0 and PRODUCER_LINE.match(done.stdout)


# ---- options ----


def test_create_configs_payload_file_and_delete(server, tmp_path):
    payload = tmp_path / "lines"
    payload.write_text("one\ntwo\nthree\n")
    args = ["-t", "payload", "--create", f"1,{MEMORY},retention.ms=1234567", "--payload-file", str(payload), "-n", "4", *QUICK]
    bench(server.address, "produce", *args)
    out = subprocess.run([BUILD / "leat", "cat", "payload", "-b", server.address], capture_output=True, text=True, timeout=30, check=True, env=environ())
    assert out.stdout == "one\ntwo\nthree\none\n"
    bench(server.address, "produce", *args, "--delete")
    with Connection(server.host, server.port) as conn:
        assert conn.leaders("payload") == 3  # UNKNOWN_TOPIC_OR_PARTITION


def test_open_loop_keeps_its_rate_over_all_clients(server):
    told = bench_json(server.address, "produce", "-t", "paced", "--create", f"1,{MEMORY}", "-n", "500", "--throughput", "1000", "--clients", "3",
                      "--linger", "0", *QUICK)
    run = told["loads"][0]["runs"][0]
    assert told["loop"] == "open" and run["records"] == 500
    assert 0.499 <= run["seconds"] < 2.0  # the last one is due at 0.499 s; late machines are late


def test_cold_says_what_it_could_do(server):
    bench(server.address, "produce", "-t", "cold", "--create", f"1,{MEMORY}", "-n", "20000", *QUICK)
    run = bench_json(server.address, "consume", "-t", "cold", "--cold", "--repeat", "1")["loads"][0]["runs"][0]
    assert run["records"] == 20000 and 0 <= run["coldPercent"] <= 100


def test_ratio_of_a_server_with_itself_is_about_one(server):
    told = bench_json(server.address, "raw", "-t", "itself", "--create", f"1,{MEMORY}", "--total", "16MiB", "--batch", "64KiB", "--repeat", "5",
                      "--warmup", "100ms", "--peer", server.address)
    for load in told["loads"]:
        assert len(load["runs"]) == len(load["peerRuns"]) == 5
        assert 0.25 < load["ratios"]["megabytesPerSecond"]["median"] < 4.0


# ---- end to end ----


def test_e2e_counts_every_record(server):
    for args in (["--throughput", "2000"], []):
        run = bench_json(server.address, "e2e", "-t", "both", "--create", f"2,{MEMORY}", "-n", "600", "--clients", "3", "--linger", "0", "--warmup", "100ms",
                         "--repeat", "1", *args)["loads"][0]["runs"][0]
        assert (run["records"], run["negativeSamples"], run["unreadableSamples"]) == (600, 0, 0)
        assert run["aggregatedEndToEndLatency50pct"] > 0
    text = bench(server.address, "e2e", "-t", "both", "-n", "10", *QUICK).stdout
    assert PRODUCER_LINE.match(text)["records"] == "10"
    assert re.search(r"^Avg latency: \d+\.\d{4} ms\nPercentiles: 50th = \d+, 99th = \d+, 99\.9th = \d+$", text, re.M)


def wait_for_progress(process):
    """The first line that a run tells after its first second of counting."""
    line = process.stderr.readline()
    assert "records/s" in line, line + process.stderr.read()


def test_e2e_tells_records_of_others_and_negative_samples(server):
    """A record without a stamp is unreadable; one that repeats a sequence with a time to come is negative, and one too many."""
    args = ["-t", "foreign", "--create", f"1,{MEMORY}", "--throughput", "500", "--linger", "0", "--duration", "1500ms", *QUICK]
    with start(server.address, "e2e", *args) as process, Connection(server.host, server.port) as conn:
        wait_for_progress(process)
        conn.produce("foreign", 0, build_batch([Record(b"hello", timestamp=1), Record(b"x" * 32, timestamp=1)]))
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0 and "0 negative, 2 unreadable" in out, out + err
    with start(server.address, "e2e", *args) as process, Connection(server.host, server.port) as conn:
        wait_for_progress(process)
        conn.produce("foreign", 0, build_batch([Record(struct.pack(">qq", 1 << 62, 1 << 40), timestamp=1)]))
        out, err = process.communicate(timeout=30)
        assert process.returncode == 1 and "1 negative, 0 unreadable" in out and "INCOMPLETE" in out, out + err


class StallingProxy:
    """In front of a server: forwards, and holds everything for 100 ms every half second."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = threading.Event()
        self.open.set()
        self.over = threading.Event()
        self.target = None
        threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.stall, daemon=True).start()

    def stall(self):
        while not self.over.wait(0.4):
            self.open.clear()
            self.over.wait(0.1)
            self.open.set()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.forward, args=(near, far), daemon=True).start()
            threading.Thread(target=self.forward, args=(far, near), daemon=True).start()

    def forward(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                self.open.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.over.set()
        self.listener.close()


def test_open_loop_shows_a_stall_that_closed_loop_hides():
    proxy = StallingProxy()
    with Leatd({"advertised.listeners": f"PLAINTEXT://{proxy.address}"}) as leatd:
        proxy.target = (leatd.host, leatd.port)
        topic = ["-t", "stalls", "--create", f"1,{MEMORY}", "--linger", "0", "--duration", "1500ms", *QUICK]
        opened = bench_json(proxy.address, "e2e", *topic, "--throughput", "500")["loads"][0]["runs"][0]
        closed = bench(proxy.address, "e2e", *topic)
        hidden = [float(n) for n in re.search(r"p50 (\S+) +p95 (\S+) .* max (\S+)", closed.stdout).groups()]
        # A fifth of all time is stall: of the records that were due then the earliest waited 100 ms, and a tenth more than 50.
        assert opened["aggregatedEndToEndLatencyMax"] > 80 and opened["aggregatedEndToEndLatency95pct"] > 40
        # The one record that was on its way waited, the others were never sent.
        assert hidden[2] > 80_000 and hidden[1] < 40_000
        assert "closed loop" in closed.stdout
        produced = bench_json(proxy.address, "produce", *topic, "--throughput", "500")["loads"][0]["runs"][0]
        assert produced["aggregatedPublishLatency95pct"] > 40
    proxy.close()


# ---- verify ----


def raw_batches(conn, topic, partition):
    """The batches of a partition as a producer sends them, in order: base offset 0, no leader epoch."""
    found, offset = [], 0
    while True:
        fetched = conn.fetch(topic, partition, offset)
        data = fetched.data
        if not data:
            return found
        at = 0
        while at < len(data):
            base, length = struct.unpack_from(">qi", data, at)
            found.append(b"\0" * 8 + data[at + 8 : at + 12] + b"\xff" * 4 + data[at + 16 : at + 12 + length])
            (delta,) = struct.unpack_from(">i", data, at + 23)
            offset, at = base + delta + 1, at + 12 + length


def records_in(batch):
    return struct.unpack_from(">i", batch, 57)[0]


def change_a_byte(batch):
    """The last byte of the first value, under a CRC that is right again: what no checksum of a broker can see."""
    spoiled = bytearray(batch)
    at = spoiled.index(b"chain") - 3  # value, header count, length of the name
    spoiled[at] ^= 1
    struct.pack_into(">I", spoiled, 17, crc32c(bytes(spoiled[21:])))
    return bytes(spoiled)


@pytest.fixture(scope="module")
def written(server, tmp_path_factory):
    """A topic that verify wrote, its batches, and the state file."""
    state = tmp_path_factory.mktemp("verify") / "state"
    done = bench(server.address, "verify", "-t", "chained", "--create", f"1,{MEMORY}", "-n", "600", "--throughput", "6000", "--linger", "0",
                 "--keys", "random:7", "--state", str(state))
    assert "600 records: 0 lost, 0 doubled, 0 reordered, 0 changed" in done.stdout
    assert PRODUCER_LINE.match(done.stdout)["records"] == "600" and CONSUMER_LINES.search(done.stdout)["records"] == "600"
    with Connection(server.host, server.port) as conn:
        batches = raw_batches(conn, "chained", 0)
    assert len(batches) > 10 and sum(map(records_in, batches)) == 600
    return batches, state


DAMAGES = {
    "none": (lambda b: b, lambda n: (0, 0, 0, 0)),
    "dropped": (lambda b: b[:5] + b[6:], lambda n: (n[5], 0, 0, 0)),
    "doubled": (lambda b: b[:6] + b[5:], lambda n: (0, n[5], 0, 0)),
    "swapped": (lambda b: b[:5] + [b[6], b[5]] + b[7:], lambda n: (0, 0, n[5], 0)),
    "changed": (lambda b: b[:5] + [change_a_byte(b[5])] + b[6:], lambda n: (0, 0, 0, 1)),
    "cut": (lambda b: b[:-1], lambda n: (n[-1], 0, 0, 0)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_finds_damage(server, written, tmp_path, damage):
    batches, state = written
    spoil, expected = DAMAGES[damage]
    lost, doubled, reordered, changed = expected([records_in(b) for b in batches])
    topic = f"damage-{damage}"
    with Connection(server.host, server.port) as conn:
        conn.make_topic(topic, 1, {"leat.durability": "memory"})
        for batch in spoil(batches):
            assert conn.produce(topic, 0, batch).error == 0
    mine = tmp_path / "state"
    mine.write_text(state.read_text().replace("topic chained", f"topic {topic}"))
    bad = int(damage != "none")
    done = bench(server.address, "verify", "-t", topic, "--work", "fetch", "--state", str(mine), status=bad)
    assert f"{lost} lost, {doubled} doubled, {reordered} reordered, {changed} changed" in done.stdout
    assert ("LEAT_ECORRUPT" in done.stderr) == bool(bad)


def test_verify_tells_what_is_gone_before_the_log_start(server, tmp_path):
    """Retention does that, and a broker that loses the front of a log: nobody can tell which."""
    state = tmp_path / "state"
    bench(server.address, "verify", "-t", "trimmed", "--create", "1", "-n", "100", "--state", str(state))
    subprocess.run([BUILD / "leat", "topic", "trim", "trimmed", "-o", "7", "-y", "-b", server.address], env=environ(), check=True, capture_output=True)
    args = ["verify", "-t", "trimmed", "--work", "fetch", "--state", str(state)]
    done = bench(server.address, *args)
    assert "93 records: 0 lost" in done.stdout and "not seen   7 records before the log start" in done.stdout
    (run,) = bench_json(server.address, *args)["loads"][0]["runs"]
    assert run["verified"]["trimmed"] == 7


def test_verify_without_state_and_with_a_wrong_one(server, written, tmp_path):
    _, state = written
    assert "600 records: 0 lost" in bench(server.address, "verify", "-t", "chained", "--work", "fetch").stdout
    done = bench(server.address, "verify", "-t", "other", "--work", "fetch", "--state", str(state), status=1)
    assert str(state) in done.stderr


def test_verify_around_a_kill(tmp_path):
    """What was acknowledged before a kill -9 is there afterwards, in order and unchanged."""
    state = tmp_path / "state"
    with Leatd() as leatd:
        args = ["-t", "killed", "--create", "3", "--work", "produce", "--duration", "60s", "--throughput", "5000", "--clients", "2",
                "--state", str(state),
                "-X", "delivery.timeout.ms=2000", "-X", "request.timeout.ms=1500"]
        with start(leatd.address, "verify", *args) as process:
            wait_for_progress(process)
            leatd.kill()
            out, err = process.communicate(timeout=50)
        assert process.returncode == 1 and out.startswith("INCOMPLETE write"), out + err
        acknowledged = [int(n) for n in re.findall(r"acknowledged (\d+)", state.read_text())]
        assert len(acknowledged) == 3 and sum(acknowledged) > 0
        leatd.start()
        done = bench(leatd.address, "verify", "-t", "killed", "--work", "fetch", "--state", str(state))
        assert " 0 lost, 0 doubled, 0 reordered, 0 changed" in done.stdout
        assert int(re.search(r"verified +(\d+) records", done.stdout)[1]) >= sum(acknowledged)


# ---- when things go wrong ----


@pytest.mark.parametrize("json_form", [[], ["--json"]])
@pytest.mark.parametrize("how", [">/dev/full", ">&-"])
def test_figures_that_nobody_gets_fail_the_run(server, how, json_form):
    args = command(server.address, "produce", "-t", "unread", "--create", "1", "-n", "10", *QUICK, *json_form)
    done = subprocess.run(["sh", "-c", f'exec "$@" {how}', "sh", *args], capture_output=True, text=True, timeout=30, check=False,
                          env=environ())
    assert done.returncode == 1 and "cannot write to stdout" in done.stderr, done


@pytest.mark.parametrize("option", ["--hgrm", "--plot"])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(server, tmp_path, option):
    if option == "--plot" and not shutil.which("gnuplot"):
        pytest.skip("gnuplot is not installed")
    path = tmp_path / "missing" / "file"
    done = bench(server.address, "produce", "-t", "unwritten", "--create", "1", "-n", "1", option, str(path), status=1)
    assert f"cannot write {path}" in done.stderr and done.stdout == ""
    assert isinstance(Connection(server.host, server.port).leaders("unwritten"), int)  # an error code: not made


def test_the_broker_comes_from_the_settings_too(server, tmp_path):
    """As with leat: -b, -X, the variable, a properties file, the profile."""
    bench(server.address, "produce", "-t", "settings", "--create", "1", "-n", "10", *QUICK)
    profiles, properties = tmp_path / "config", tmp_path / "client.properties"
    profiles.write_text(f"current = here\n[here]\nbootstrap.servers = {server.address},127.0.0.1:1\n")
    properties.write_text(f"bootstrap.servers={server.address}\n")
    read = ["consume", "-t", "settings", "--repeat", "1"]
    nowhere = environ(LEAT_BOOTSTRAP_SERVERS="127.0.0.1:1")
    for args, env in (([], environ(LEAT_BOOTSTRAP_SERVERS=server.address)), ([], environ(LEAT_CONFIG=str(profiles))),
                      (["-F", str(properties)], environ()), (["-X", f"bootstrap.servers={server.address}"], nowhere),
                      (["-b", server.address], nowhere)):
        assert CONSUMER_LINES.match(bench(None, *read, *args, env=env).stdout)["records"] == "10"
    assert "127.0.0.1:1" in bench(None, *read, status=3, env=nowhere).stderr


def test_missing_topic_and_missing_broker(server):
    done = bench(server.address, "produce", "-t", "nowhere", "-n", "1", status=1)
    assert "UNKNOWN_TOPIC_OR_PARTITION" in done.stderr and "--create" in done.stderr and done.stdout == ""
    done = bench("127.0.0.1:1", "consume", "-t", "t", status=3)
    assert "127.0.0.1:1" in done.stderr and "refused" in done.stderr


def test_refused_record_fails_the_run_without_figures(server):
    done = bench(server.address, "produce", "-t", "small", "--create", "1,max.message.bytes=200", "--record-size", "1000", "-n", "10", *QUICK, status=1)
    assert done.stdout.startswith("INCOMPLETE produce") and "MESSAGE_TOO_LARGE" in done.stdout and "MESSAGE_TOO_LARGE" in done.stderr
    assert "records/sec" not in done.stdout and "==" not in done.stdout
    told = bench_json(server.address, "produce", "-t", "small", "--record-size", "1000", "-n", "10", *QUICK, status=1)
    assert not told["loads"][0]["runs"][0]["complete"] and "MESSAGE_TOO_LARGE" in told["loads"][0]["runs"][0]["firstError"]
    assert "summary" not in told["loads"][0]


def test_consume_says_when_less_came_than_was_asked_for(server):
    bench(server.address, "produce", "-t", "few", "--create", "1", "-n", "10", *QUICK)
    done = bench(server.address, "consume", "-t", "few", "-n", "11", "--timeout", "300ms", "--repeat", "1", status=1)
    assert "LEAT_ETIMEDOUT" in done.stderr and "at least 1 are missing" in done.stderr and "after 10 records" in done.stderr


@pytest.mark.parametrize(
    "mode, args",
    [
        ("raw", ["--work", "produce"]),
        ("produce", ["--throughput", "1000", "-X", "delivery.timeout.ms=2000", "-X", "request.timeout.ms=1500"]),
        ("e2e", ["--throughput", "1000", "-X", "delivery.timeout.ms=2000", "-X", "request.timeout.ms=1500"]),
    ],
)
def test_broker_gone_in_the_middle(mode, args):
    with Leatd() as leatd:
        with start(leatd.address, mode, "-t", "gone", "--create", f"1,{MEMORY}", "--duration", "60s", *QUICK, *args) as process:
            wait_for_progress(process)
            leatd.kill()
            out, err = process.communicate(timeout=50)
        assert process.returncode == 1, out + err
        assert re.match(rf"INCOMPLETE {mode.replace('raw', 'produce')} .* [1-9]\d* records, .* LEAT_E\w+", out), out
        assert "LEAT_E" in err


def test_ctrl_c_tells_the_counts_and_exits_130(server):
    with start(server.address, "produce", "-t", "stopped", "--create", f"1,{MEMORY}", "--throughput", "1000", "--duration", "60s", *QUICK) as process:
        wait_for_progress(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and out.startswith("INCOMPLETE") and "interrupted" in out, out + err


def test_peer_gone_between_runs_leaves_no_figures(server):
    """The second broker of a pair is not there: what ran is told, no summary is made of half a pair."""
    args = ["-t", "pair", "--create", f"1,{MEMORY}", "-n", "10", "--peer", "127.0.0.1:1", *QUICK]
    done = bench(server.address, "produce", *args, status=3)
    assert PRODUCER_LINE.match(done.stdout) and "==" not in done.stdout and "127.0.0.1:1" in done.stderr
    load = bench_json(server.address, "produce", *args, status=3)["loads"][0]
    assert load["runs"][0]["complete"] and not load["peerRuns"][0]["complete"]
    assert "LEAT_EUNREACHABLE" in load["peerRuns"][0]["firstError"] and "summary" not in load and "ratios" not in load


def test_server_pid_that_is_not_there(server):
    assert "no process 2147483647" in bench(server.address, "produce", "-t", "lines2", "--create", "1", "-n", "1", "--server-pid", "2147483647", status=1).stderr


# ---- the null server ----


def test_null_server_shows_what_the_client_costs(server):
    bench(server.address, "produce", "-t", "null", "--create", f"2,{MEMORY}", "-n", "2000", *QUICK)
    for mode, args in (("produce", ["-n", "3000"]), ("consume", ["-n", "2000"]), ("raw", ["--total", "4MiB"])):
        told = bench_json(server.address, mode, "-t", "null", "--peer", "null", *args, *QUICK)
        for load in told["loads"]:
            assert load["peerRuns"][0]["complete"] and load["peerRuns"][0]["records"] > 0
            assert load["ratios"]["recordsPerSecond"]["median"] > 0 and "serverCpuSeconds" in load["peerRuns"][0]


def test_null_server_by_itself():
    with subprocess.Popen(command(None, "null", "--create", "3", "-n", "1000"), stdout=subprocess.PIPE, text=True, env=environ()) as null:
        try:
            address = null.stdout.readline().strip()
            assert CONSUMER_LINES.match(bench(address, "consume", "-t", "any", "--clients", "3", "--repeat", "1").stdout)
            bench(address, "produce", "-t", "any", "-n", "5000", "--keys", "sequence", "--clients", "4", *QUICK)
            bench(address, "produce", "-t", "any", "-n", "5000", "--acks", "0", *QUICK)
            listed = subprocess.run([BUILD / "leat", "topic", "offsets", "any", "--json", "-b", address], capture_output=True, text=True, timeout=30, check=True,
                                    env=environ())
            assert [o["partition"] for o in json.loads(listed.stdout)["offsets"]] == [0, 1, 2]
        finally:
            null.send_signal(signal.SIGINT)
        assert null.wait(timeout=30) == 0


def test_killed_bench_leaves_no_null_server(server):
    with start(server.address, "produce", "-t", "orphan", "--create", f"1,{MEMORY}", "--peer", "null", "--duration", "60s", *QUICK) as process:
        wait_for_progress(process)
        children = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()
        assert len(children) == 1
        handle = os.pidfd_open(int(children[0]))
        process.kill()
        process.communicate()
        assert select.select([handle], [], [], 30)[0]
        os.close(handle)
