"""The man pages of the programs: there is one for each command, and they are sound."""

import json
import shutil
import subprocess

import pytest

from tests.support.cli import run
from tests.support.leatd import BUILD


def pages():
    return sorted(p for p in BUILD.glob("leat*.[158]") if p.is_file())


def test_every_command_has_a_page():
    names = {p.name for p in pages()}
    for command in json.loads(run(None, "--help-json").stdout)["commands"]:
        noun = command["name"].split()[0]
        assert noun in ("version", "help", "cheat") or f"leat-{noun}.1" in names, command["name"]
    assert {"leat.1", "leatd.8", "leat.properties.5"} <= names


def test_a_page_has_the_flags_of_its_commands():
    text = (BUILD / "leat-topic.1").read_text().replace("\\-", "-")
    assert "--if-not-exists" in text and "leat topic create orders -p 3" in text


def test_lint():
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", *pages()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
