"""The mistakes of a first hour and the words that answer them, kept in tests/golden/cli/mistakes.txt.

Each block is a command as typed, what came on stderr, and the exit code; ports, paths and times are masked. After a change of
words:

    LEAT_BUILD=build python3 -m tests.integration.test_mistakes > tests/golden/cli/mistakes.txt
"""

import contextlib
import errno
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from tests.support.cli import environment, run, wait_for
from tests.support.leatd import BUILD, TOP, Leatd

GOLDEN = TOP / "tests" / "golden" / "cli" / "mistakes.txt"
HTTP_ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TLS_ALERT = bytes.fromhex("15030100020246")  # what a TLS server says to bytes that are no ClientHello


class Peer:
    """A listener that answers the first bytes of each connection with `answer` and closes; None: never answers."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.answer, self.kept = answer, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                conn = self.listener.accept()[0]
                if self.answer is None:
                    self.kept.append(conn)
                    continue
                conn.recv(1000)
                conn.sendall(self.answer)
                conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.listener.close()
        for conn in self.kept:
            conn.close()


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return "127.0.0.1:%d" % probe.getsockname()[1]


def on_terminal(command, stdin):
    """Exit code and stderr, which is a terminal: there the hints are shown."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=slave, text=True,
                               env=environment({"NO_COLOR": "1"}))
    os.close(slave)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(stdin)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while piece := os.read(master, 4096):
            said += piece
    os.close(master)
    return process.wait(timeout=60), said.decode().replace("\r\n", "\n")


class Book:
    """Runs commands and keeps what they said, masked."""

    def __init__(self, directory):
        self.directory = directory
        self.blocks = []
        self.title = None

    def mask(self, text):
        text = text.replace(str(self.directory), "DIR").replace(str(BUILD) + "/", "")
        text = re.sub(r"127\.0\.0\.1:\d+|\[::1\]:\d+", "HOST:PORT", text)
        text = re.sub(r"  \d+\.\d ms\b", "  N ms", text)
        text = re.sub(r"name not resolved: [^)]*", "name not resolved: REASON", text)
        text = re.sub(r"as user \d+", "as user UID", text)
        text = re.sub(r"ts=\S+", "ts=TIME", text)
        return re.sub(r"\b(pid|process) \d+", r"\1 PID", text)

    def add(self, title, command, said, status):
        self.blocks.append((title, f"# {title}\n$ {self.mask(command)}\n{self.mask(said)}exit {status}\n"))

    def leat(self, title, *args, stdin=""):
        status, said = on_terminal([BUILD / "leat", *args], stdin)
        shown = " ".join(f"'{a}'" if re.search(r"[ \\%*()]", str(a)) or a == "" else str(a) for a in args)
        self.add(title, f"leat {shown}", said, status)

    def leatd(self, title, *args, wrap=()):
        done = subprocess.run([*wrap, BUILD / "leatd", *args], capture_output=True, text=True, timeout=60, env=environment())
        self.add(title, "leatd " + " ".join(map(str, args)), done.stderr, done.returncode)


def connection(book):
    nobody = free_address()
    book.leat("no server", "cat", "orders", "-b", nobody)
    book.leat("no server, for a producer", "produce", "orders", "-b", nobody, stdin="x\n")
    with Peer(b"SSH-2.0-OpenSSH_9.2p1\r\n") as peer:
        book.leat("wrong port: something else listens there", "ping", "-b", peer.address)
    with Peer(HTTP_ANSWER) as peer:
        book.leat("the port of an HTTP server", "cat", "orders", "-b", peer.address)
    with Peer(TLS_ALERT) as peer:
        book.leat("plaintext to a port that wants TLS", "cat", "orders", "-b", peer.address)
    with Peer(None) as peer:
        book.leat("a server that never answers", "cat", "orders", "-b", peer.address, "--timeout", "1s")
    book.leat("no such host", "cat", "orders", "-b", "no-such-host.invalid:9092", "--timeout", "2s")
    book.leat("an address without a port number", "ping", "-b", "localhost:kafka")


def topics(book, server):
    book.leat("TLS to a plaintext port", "cat", "orders", "-b", server.address, "-X", "security.protocol=SSL")
    book.leat("unknown topic", "cat", "odrers", "-b", server.address)
    book.leat("unknown topic, for a producer", "produce", "odrers", "-b", server.address, stdin="x\n")
    book.leat("bad topic name", "topic", "create", "my orders", "-b", server.address)
    book.leat("bad topic name, for a producer", "produce", "my orders", "-b", server.address, stdin="x\n")
    book.leat("a topic that is there", "topic", "create", "orders", "-b", server.address)
    book.leat("too many partitions", "topic", "create", "many", "-p", "1000000", "-b", server.address)
    book.leat("too many replicas", "topic", "create", "many", "-r", "3", "-b", server.address)
    book.leat("wrong topic setting", "topic", "create", "tuned", "-c", "retention.msec=1", "-b", server.address)
    book.leat("wrong value of a topic setting", "config", "set", "--topic", "orders", "retention.ms=soon", "-b", server.address)
    book.leat("deleting without a terminal and without --yes", "topic", "delete", "orders", "-b", server.address)
    book.leat("offset beyond the end", "cat", "orders", "-o", "1000", "-b", server.address)
    book.leat("no such partition", "cat", "orders", "-p", "7", "-b", server.address)
    book.leat("record too large", "produce", "orders", "-D", "~", "-b", server.address, stdin="x" * 2_000_000)
    book.leat("missing file", "produce", "orders", book.directory / "orders.txt", "-b", server.address)
    book.leat("a folder in place of a file", "produce", "orders", book.directory, "-b", server.address)
    book.leat("a line that is no JSON", "produce", "orders", "--json", "-b", server.address, stdin="{'id': 42}\n")
    book.leat("a line without the key delimiter", "produce", "orders", "-K", ":", "-b", server.address, stdin="a 1\n")


def full_disk(book):
    """What a producer is told; the server's fallocate answers ENOSPC from its signal on."""
    with Leatd(program="tests/crash/leatd_faults", environ={"FAULT_CALL": "fallocate", "FAULT_ERRNO": str(errno.ENOSPC)}) as server:
        run(server.address, "topic", "create", "orders")
        os.kill(server.pid, signal.SIGUSR1)
        hasty = ["-X", "delivery.timeout.ms=1000", "-X", "request.timeout.ms=500", "-X", "linger.ms=0"]
        wait_for(lambda: run(server.address, "produce", "orders", *hasty, stdin="x\n", status=None).returncode != 0)
        book.leat("the server's disk is full", "produce", "orders", "-b", server.address, *hasty, stdin="x\n")


def pipe(book, server):
    run(server.address, "produce", "orders", stdin="x\n" * 100000)
    done = subprocess.run(
        ["bash", "-c", f'"$0" cat orders -b {server.address} | head -n 1 >&2; exit "${{PIPESTATUS[0]}}"', BUILD / "leat"],
        capture_output=True, text=True, timeout=60, env=environment(),
    )
    book.add("a reader that has read enough", f"leat cat orders -b {server.address} | head -n 1", done.stderr, done.returncode)


def usage(book):
    book.leat("flags before the command", "-n", "5", "consume", "orders")
    book.leat("unknown flag", "consume", "orders", "--from-beginning")
    book.leat("unknown command", "consum", "orders")
    book.leat("unknown second word", "topic", "lsit")
    book.leat("no topic", "consume")
    book.leat("wrong time", "consume", "orders", "-o", "@yesterday")
    book.leat("wrong offset", "consume", "orders", "-o", "first")
    book.leat("the place of a group", "consume", "orders", "-o", "stored")
    book.leat("wrong format verb", "consume", "orders", "-f", "%k %q\\n")
    book.leat("wrong format for input", "produce", "orders", "-f", "%k%v\\n")
    book.leat("the form of a table for records", "cat", "orders", "--format", "csv")
    book.leat("wrong regular expression", "consume", "orders", "--grep", "(")
    book.leat("wrong -X key", "ping", "-X", "bootstrap.server=localhost:9092")
    book.leat("wrong value of a setting", "produce", "orders", "--acks", "2")
    book.leat("wrong number", "consume", "orders", "-n", "many")
    book.leat("wrong partitions", "consume", "orders", "-p", "0..3")
    book.leat("a consumer group", "consume", "orders", "-g", "billing")


def daemon(book, server):
    free = "listeners=PLAINTEXT://127.0.0.1:0"
    locked = book.directory / "closed"
    locked.mkdir(mode=0)
    wrap = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    book.leatd("leatd: no permission on the data folder", "--data", locked / "data", "--set", free, wrap=wrap)
    locked.chmod(0o700)
    book.leatd("leatd: the port is in use", "--data", book.directory / "a", "--set", f"listeners=PLAINTEXT://{server.address}")
    book.leatd("leatd: the data folder is another leatd's", "--data", server.data, "--set", free)
    book.leatd("leatd: unknown setting", "--data", book.directory / "c", "--set", "log.retention.hour=5")
    book.leatd("leatd: wrong value", "--data", book.directory / "c", "--set", "log.retention.hours=soon")
    book.leatd("leatd: no such configuration file", "-c", book.directory / "leatd.properties")
    book.leatd("leatd: unknown flag", "--port", "9092")


def everything(directory):
    book = Book(directory)
    usage(book)
    connection(book)
    with Leatd({"auto.create.topics.enable": "false"}) as server:
        book_data = server.data
        run(server.address, "topic", "create", "orders")
        topics(book, server)
        pipe(book, server)
        daemon(book, server)
    full_disk(book)
    text = "\n".join(block for _, block in book.blocks)
    return text.replace(book_data, "DIR/data")


def test_the_words(tmp_path):
    """Every message says what happened, where, and what to do; any change of words shows here."""
    got, want = everything(tmp_path), GOLDEN.read_text()
    assert got.split("\n\n") == want.split("\n\n")


def test_no_message_is_long_or_a_stack_of_prefixes():
    """At most four lines, none of them long; the first names the program."""
    for block in GOLDEN.read_text().split("\n\n"):
        said = [line for line in block.splitlines()[2:-1]]
        assert len(said) <= 4 and all(len(line) <= 300 for line in said), block


if __name__ == "__main__":
    path = pathlib.Path(tempfile.mkdtemp(prefix="leat-mistakes-"))
    try:
        sys.stdout.write(everything(path))
    finally:
        shutil.rmtree(path)
