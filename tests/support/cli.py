"""`leat` as a process, for tests in Python: run it to its end, or talk to it while it runs.

The environment is empty of LEAT_* variables and of a home, so that nobody's own settings count.
"""

import os
import signal
import subprocess

from tests.support.leatd import BUILD


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_") or k == "LEAT_BUILD"}
    env.update(HOME="/nonexistent", **(extra or {}))
    return env


def run(address, *args, stdin="", status=0, environ=None):
    """Run to the end; text in gives text out, bytes in bytes out. `status`: the exit code that must come, None = any."""
    text = isinstance(stdin, str)
    to = ["-b", address] if address else []
    done = subprocess.run(
        [BUILD / "leat", *args, *to], input=stdin, capture_output=True, text=text, timeout=60, check=False, env=environment(environ)
    )
    assert status in (None, done.returncode), (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


class Running:
    """A `leat` that runs beside the test; ended with the block."""

    def __init__(self, address, *args, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        self.process = subprocess.Popen(
            [BUILD / "leat", *args, "-b", address], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True,
            env=environment(),
        )

    def line(self):
        return self.process.stdout.readline()

    def interrupt(self):
        """Ctrl-C; returns exit code, rest of stdout, stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self):
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if pipe:
                    pipe.close()
            except BrokenPipeError:
                pass  # what was written last was not read
