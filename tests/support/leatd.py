"""A leatd of its own for a test written in Python: temporary directory, kernel-chosen port, ended with the test.

    with Leatd() as server:
        connect(server.address)

LEAT_BUILD names the build directory (default: build).
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LEAT_BUILD", TOP / "build")).resolve()


class Leatd:
    """Started by the constructor, which returns when it answers. `settings` are --set values."""

    def __init__(self, settings=None, data=None, program="leatd", environ=None, config=None):
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix="leat-test-")
        self.settings = {"listeners": "PLAINTEXT://127.0.0.1:0", "http.listeners": ""}
        self.settings.update(settings or {})
        self.program = BUILD / program
        self.config = config
        self.environ = dict(os.environ, **(environ or {}))
        self.log_path = os.path.join(tempfile.gettempdir(), f"leatd-{os.getpid()}-{id(self)}.log")
        self.process = None
        self.start()

    def start(self):
        read_end, write_end = os.pipe()
        command = [str(self.program), "--data", self.data, "--ready-fd", str(write_end)]
        if self.config:
            command += ["-c", str(self.config)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, pass_fds=[write_end], env=self.environ)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"leatd did not start:\n{self.log()}")
        self.ready = json.loads(line)
        self.address = self.ready["kafka"][0]
        self.host, port = self.address.rsplit(":", 1)
        self.port = int(port)
        self.pid = self.process.pid

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
        if os.path.exists(self.log_path):
            os.unlink(self.log_path)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()
