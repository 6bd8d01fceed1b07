"""`leat` as a process, for tests in Python: run it to its end, talk to it while it runs, compare what it printed.

The environment is empty of LEAT_* variables and of a home, so that nobody's own settings count.
"""

import json
import os
import signal
import subprocess
import time

from tests.support.leatd import BUILD, TOP

LEAT = BUILD / "leat"
GOLDEN = TOP / "tests/golden/cli"


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LEAT_", "XDG_"))}
    env.update({"HOME": "/proc/nonexistent", **(extra or {})})
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


def _masked(value, mask):
    if isinstance(value, dict):
        return {k: f"<{k}>" if k in mask and v is not None else _masked(v, mask) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked(v, mask) for v in value]
    return value


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def json_lines(text):
    """One value per line; str.splitlines() would also end a line at U+0085 or U+2028, which JSON may hold as they are."""
    return [json.loads(line) for line in text.split("\n") if line]


def golden(name, text, mask=(), replace=None):
    """Compare with tests/golden/cli/NAME; LEAT_GOLDEN_WRITE=1 writes it instead.

    *.json: one object per line, values under the keys in `mask` are <key>, null stays null, the order of keys counts.
    `replace` maps texts of this run (addresses, directories) to names."""
    for old, new in (replace or {}).items():
        text = text.replace(old, new)
    if name.endswith(".json"):
        lines = json_lines(text)
        text = "".join(json.dumps(_masked(line, set(mask)), indent=1, ensure_ascii=False) + "\n" for line in lines)
    path = GOLDEN / name
    if os.environ.get("LEAT_GOLDEN_WRITE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{path} (LEAT_GOLDEN_WRITE=1 writes it)"
