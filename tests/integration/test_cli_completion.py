"""leat completion: what is offered, asked through the shells themselves; and --help-json, where it all comes from."""

import json
import shutil
import subprocess

import pytest

from tests.support.cli import LEAT, environment, run
from tests.support.leatd import Leatd


@pytest.fixture(scope="module")
def server():
    with Leatd() as leatd:
        for name in ("orders", "orders-old", "events"):
            run(leatd.address, "topic", "create", name, "-p", "1")
        yield leatd


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A PATH with leat in it, and a home with a profile."""
    path = tmp_path_factory.mktemp("completion")
    (path / "bin").mkdir()
    (path / "bin/leat").symlink_to(LEAT)
    config = path / ".config/leat/config"
    config.parent.mkdir(parents=True)
    config.write_text("[prod]\nclient.id = x\n[private]\n")
    (path / "records.txt").write_text("x")
    return path


def in_shell(folder, program, *args):
    env = environment({"HOME": str(folder), "PATH": f"{folder}/bin:/usr/bin:/bin"})
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=60, check=False, env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def words(folder, *typed):
    return [line.split("\t")[0] for line in in_shell(folder, str(LEAT), "completion", "words", "--", *typed)]


def bash(folder, *typed):
    """As readline cuts the words: '=' and ':' are words of their own."""
    cut = []
    for word in ("leat", *typed):
        piece = ""
        for c in word:
            if c in "=:":
                cut += [piece] if piece else []
                cut.append(c)
                piece = ""
            else:
                piece += c
        if piece or not word or word[-1] in "=:":
            cut += [piece] if piece or not word else []
    script = 'eval "$(leat completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _leat; printf "%s\\n" "${COMPREPLY[@]}"'
    return [line for line in in_shell(folder, "bash", "--norc", "-c", script, "bash", *cut) if line]


def zsh(folder, *typed):
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    # compadd and compdef only work inside the line editor; what is handed to them is what counts.
    script = """compdef() { :; }; compadd() { printf '%s\\n' "${values[@]}"; }; _files() { echo FILES; }
source <(leat completion zsh); words=("$@"); CURRENT=$#; _leat"""
    return in_shell(folder, "zsh", "-f", "-c", script, "zsh", "leat", *typed)


def fish(folder, *typed):
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    script = "leat completion fish | source; complete --do-complete $argv[1]"
    return [line.split("\t")[0] for line in in_shell(folder, "fish", "--no-config", "-c", script, " ".join(("leat", *typed)))]


SHELLS = [words, bash, zsh, fish]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands(folder, shell):
    assert shell(folder, "top") == ["topic"]
    assert {"list", "create", "describe", "delete"} <= set(shell(folder, "topic", ""))
    assert shell(folder, "profile", "cu") == ["current"]


@pytest.mark.parametrize("shell", SHELLS)
def test_flags_and_their_values(folder, shell):
    assert shell(folder, "topic", "create", "--part") == ["--partitions"]
    assert "--bootstrap-server" in shell(folder, "topic", "create", "--boot")
    assert shell(folder, "produce", "x", "--acks", "a") == ["all"]
    assert shell(folder, "completion", "z") == ["zsh"]


@pytest.mark.parametrize("shell,answer", [(words, "--acks=all"), (bash, "all"), (zsh, "--acks=all"), (fish, "--acks=all")])
def test_a_value_behind_an_equals_sign(folder, shell, answer):
    assert shell(folder, "produce", "--acks=al") == [answer]


@pytest.mark.parametrize("shell", [words, bash, fish])
def test_properties_and_profiles(folder, shell):
    assert "compression.type=" in shell(folder, "ping", "-X", "compression.t")
    assert set(shell(folder, "ping", "-P", "pr")) == {"prod", "private"}


@pytest.mark.parametrize("shell", SHELLS)
def test_topics_come_from_the_broker(folder, shell, server):
    assert shell(folder, "cat", "-b", server.address, "ord") == ["orders", "orders-old"]
    assert shell(folder, "-b", server.address, "topic", "describe", "orders", "ev") == ["events"]


def test_without_a_broker_nothing_is_said(folder):
    assert words(folder, "cat", "-b", "127.0.0.1:1", "") == []


def test_files(folder):
    assert words(folder, "ping", "--command-config", "") == [":files"]
    assert words(folder, "produce", "orders", "rec") == [":files"]
    assert zsh(folder, "produce", "orders", "rec") == ["FILES"]
    assert "records.txt" in fish(folder, "produce", "orders", "rec")


def test_help_json_has_every_command_and_flag():
    tree = json.loads(run(None, "--help-json").stdout)
    names = [c["name"] for c in tree["commands"]]
    assert len(set(names)) == len(names) and {"produce", "topic create", "dev", "doctor", "profile use"} <= set(names)
    for command in tree["commands"]:
        assert len(command["examples"]) >= 2, command["name"]
        assert all("leat " in line for line in command["examples"]), command["name"]
        assert not command["summary"].endswith(".") and command["summary"][0].islower(), command["name"]
        seen = [f["letter"] for f in command["flags"] + tree["flags"] if f["letter"]]
        assert len(set(seen)) == len(seen), f"{command['name']}: a letter has two meanings"
        names = [f["name"] for f in command["flags"] + tree["flags"]]
        assert len(set(names)) == len(names), f"{command['name']}: a flag has two meanings"
        assert all(f["text"] for f in command["flags"]), command["name"]
    assert [c["code"] for c in tree["exit_codes"]] == [0, 1, 2, 3, 4, 130]


def test_help_of_every_command():
    for command in json.loads(run(None, "--help-json").stdout)["commands"]:
        if command["program"]:
            continue
        short = run(None, *command["name"].split(), "-h").stdout
        full = run(None, *command["name"].split(), "--help").stdout
        lines = short.splitlines()
        assert lines[0] == "Examples:" and [line.strip() for line in lines[1:3]] == command["examples"][:2]
        for flag in command["flags"]:
            assert f"--{flag['name']}" in short and f"--{flag['name']}" in full
        assert "--bootstrap-server" in full and "--bootstrap-server" not in short
        alone = json.loads(run(None, *command["name"].split(), "--help-json").stdout)
        assert alone == command
        for alias in command["aliases"]:
            assert run(None, *alias.split(), "--help").stdout == full


@pytest.mark.parametrize("topic", ["format", "offsets", "config", "auth", "topic", "topic create"])
def test_help_topics(topic):
    assert run(None, "help", *topic.split()).stdout


def test_cheat():
    assert "leat produce" in run(None, "cheat").stdout
    assert "leat doctor" in run(None, "cheat", "broker").stdout
    assert "there are" in run(None, "cheat", "nothing", status=2).stderr


def test_properties_are_listed():
    listed = run(None, "-X", "list", status=0).stdout.splitlines()
    assert "bootstrap.servers=localhost:9092" in listed and all("=" in line for line in listed)
    assert "Addresses to begin with" in run(None, "ping", "-X", "help").stdout
