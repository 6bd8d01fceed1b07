"""Golden output of `leat`: a command with its exit code, stdout and stderr, kept in tests/golden/cli.

    LEAT_WRITE_GOLDEN=1 python3 -m pytest tests/integration/test_cli_admin.py     writes them anew; look at the difference

What must differ from run to run, and from broker to broker, is masked here and nowhere else.
"""

import difflib
import json
import os
import pathlib
import re
import time

from tests.support.cli import run
from tests.support.leatd import TOP

GOLDEN = TOP / "tests" / "golden" / "cli"
WAIT_S = 10  # a Kafka tells of changes a moment later

# Members of JSON objects whose value is of this run, and those that are so in the output of one command only.
MASKED = {"id", "cluster", "host", "port", "dir", "bytes", "total", "free"}
MASKED_OF = {
    "cluster health": {"topics", "partitions"},  # other tests have topics too
    "cluster brokers": {"leaders", "replicas"},
    "cluster logdirs": {"partitions"},
}


def _mask(value, names):
    if isinstance(value, dict):
        return {k: "*" if k in names and not isinstance(v, (list, dict)) else _mask(v, names) for k, v in value.items()}
    return [_mask(v, names) for v in value] if isinstance(value, list) else value


def _plain(text, topics):
    """Names of topics have a number of this run at their end: without it."""
    for topic in sorted(topics, key=len, reverse=True):
        text = text.replace(topic, topic.rsplit("-", 2)[0])
    return text.replace(f"-{os.getpid()}-", "-PID-")  # in expressions


# Addresses and ids, and the bytes in front of whether a topic is internal.
MASKED_TEXT = re.compile(r"\b[\w-]{22}\b|\b127\.0\.0\.1\b|\d+( B)?(?=(,|  )(false|true),?)")


def _lines(text):
    """How wide columns are depends on the names: two blanks between them."""
    return [re.sub(" {2,}", "  ", MASKED_TEXT.sub("*", line)).rstrip() for line in text.splitlines()]


def masked(args, done, topics):
    """The text that is compared."""
    out = _plain(done.stdout, topics)
    if "--json" in args and out:
        parsed = json.loads(out)
        out = _mask(parsed, MASKED | MASKED_OF.get(parsed["_command"], set()))
    else:
        out = _lines(out)
    return json.dumps(
        {"command": _plain(" ".join(args), topics), "exit": done.returncode, "stdout": out,
         "stderr": _plain(done.stderr, topics).splitlines()}, indent=1,
    ) + "\n"


def check(broker, name, *args, topics=(), repeat=True):
    """Run a command and compare with the golden file. `repeat`: it changes nothing, so a broker may have time to get there."""
    path = pathlib.Path(GOLDEN, name + ".json")
    deadline = time.monotonic() + WAIT_S
    writing = os.environ.get("LEAT_WRITE_GOLDEN") == "1"
    while True:
        got = masked(args, run(broker.address, *args, status=None), topics)
        if writing:
            path.write_text(got)
        if not path.exists():
            raise AssertionError(f"{path} is missing; LEAT_WRITE_GOLDEN=1 writes it")
        expected = path.read_text()
        if got == expected or not repeat or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if got != expected:
        difference = difflib.unified_diff(expected.splitlines(), got.splitlines(), str(path), "now", lineterm="")
        raise AssertionError("\n".join(difference))
