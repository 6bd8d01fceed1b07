"""Profiles: the file keeps its comments, changes at once or not at all, and every value tells where it comes from."""

import json
import os
import stat

import pytest

from tests.support.cli import golden, run
from tests.support.leatd import Leatd


class Home:
    def __init__(self, path):
        self.path = path
        self.file = path / ".config/leat/config"

    def leat(self, *args, status=0, stdin="", **environ):
        return run(None, *map(str, args), status=status, stdin=stdin, environ={"HOME": str(self.path), **environ})

    def golden(self, name, done, mask=()):
        golden(name, done.stdout, mask=mask, replace={str(self.path): "HOME"})


@pytest.fixture
def home(tmp_path):
    # environment() sets HOME itself, what is given comes later and wins
    return Home(tmp_path)


def test_life_of_a_profile(home):
    assert home.leat("profile", "current", status=1).stdout == ""
    home.golden("profile_create.json", home.leat("profile", "create", "local", "-b", "localhost:1", "--json"))
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.file.parent.stat().st_mode) == 0o700
    home.leat("profile", "create", "prod", "-b", "a:1,b:2", "-X", "client.id=x y", "--description", "EU production", "confirm=always")
    home.golden("profile_list.json", home.leat("profile", "list", "--json"))
    home.golden("profile_current.json", home.leat("profile", "current", "--json"))
    home.golden("profile_show.json", home.leat("profile", "show", "prod", "--json"))
    home.golden("profile_use.json", home.leat("profile", "use", "prod", "--json"))
    assert home.leat("profile", "current").stdout == "prod\n"
    home.leat("profile", "use", "-")
    assert home.leat("profile", "current").stdout == "local\n"
    home.leat("profile", "use", "-")
    assert home.leat("profile", "current").stdout == "prod\n"
    assert home.leat("profile", "current", LEAT_PROFILE="local").stdout == "local\n"
    assert "needs --yes" in home.leat("profile", "delete", "prod", status=1).stderr
    home.golden("profile_delete.json", home.leat("profile", "delete", "prod", "--yes", "--json", "-P", "local"))
    assert home.leat("profile", "current", status=1).stdout == ""
    assert home.file.read_text() == "previous = local\n\n[local]\nbootstrap.servers = localhost:1\n"


def test_an_edit_keeps_comments_and_order(home):
    home.file.parent.mkdir(parents=True)
    text = "# mine\ncurrent = b  \n\n[b]\n! note\nclient.id: me\n\n[a]\n# last\n"
    home.file.write_text(text)
    home.leat("profile", "use", "a")
    assert home.file.read_text() == text.replace("current = b  \n", "current = a\nprevious = b\n")
    assert not list(home.file.parent.glob("config.*"))


def test_a_link_stays_a_link(home):
    home.file.parent.mkdir(parents=True)
    (home.path / "dotfile").write_text("[a]\n")
    home.file.symlink_to(home.path / "dotfile")
    home.leat("profile", "use", "a")
    assert home.file.is_symlink() and "current = a" in (home.path / "dotfile").read_text()


def test_dry_run_changes_nothing(home):
    assert "would be created" in home.leat("profile", "create", "a", "-b", "h:1", "--dry-run").stderr
    assert not home.file.exists()


@pytest.mark.parametrize(
    "args,words",
    [
        (["create", "a", "-X", "clientid=1"], "Did you mean 'client.id'"),
        (["create", "a", "acks=2"], "not one of"),
        (["create", "a", "confirm=never"], "only 'always'"),
        (["use", "nobody"], "no profile 'nobody'"),
        (["use", "-"], "no profile was in use before"),
        (["delete", "nobody", "--yes"], "no profile 'nobody'"),
    ],
)
def test_what_is_refused(home, args, words):
    assert words in home.leat("profile", *args, status=1).stderr
    assert not home.file.exists()


def test_an_entry_of_an_included_file_is_not_changed(home):
    home.file.parent.mkdir(parents=True)
    (home.file.parent / "more").write_text("current = a\n")
    home.file.write_text("include = more\n[a]\n[b]\n")
    assert "more:1" in home.leat("profile", "use", "b", status=1).stderr


def test_a_mistake_in_the_file_is_told_with_its_place(home):
    home.file.parent.mkdir(parents=True)
    home.file.write_text("[a]\nx = 1\nx = 2\n")
    done = home.leat("profile", "list", status=2)
    assert "config:3" in done.stderr and "config:2" in done.stderr


def sources(home, *args, **environ):
    rows = json.loads(home.leat("profile", "show", "-v", "--json", *args, **environ).stdout)["settings"]
    return {row["key"]: (row["value"], row["source"].replace(str(home.path), "HOME")) for row in rows}


def test_each_value_with_its_source_strongest_first(home):
    home.file.parent.mkdir(parents=True)
    home.file.write_text("client.id = top\nlinger.ms = 1\ncurrent = a\n\n[a]\nclient.id = profile\n[b]\nclient.id = other\n")
    command = home.path / "command.properties"
    command.write_text("# java\nclient.id = file\n")
    config = "HOME/.config/leat/config"
    env = {"LEAT_CLIENT_ID": "env"}
    flags = ["-X", "client.id=flag", "--command-config", command]
    assert sources(home, *flags, **env)["client.id"] == ("flag", "-X")
    assert sources(home, *flags[2:], **env)["client.id"] == ("env", "LEAT_CLIENT_ID")
    assert sources(home, *flags[2:])["client.id"] == ("file", "--command-config HOME/command.properties:2")
    shown = sources(home)
    assert shown["client.id"] == ("profile", f"profile {config}:6")
    assert shown["linger.ms"] == ("1", f"top level {config}:2")
    assert shown["acks"] == ("all", "default")
    assert sources(home, "b")["client.id"] == ("other", f"profile {config}:8")
    assert sources(home, "-b", "h:1", "-X", "bootstrap.servers=x:2")["bootstrap.servers"] == ("h:1", "-b")
    home.file.write_text("client.id = top\n")
    assert sources(home)["client.id"] == ("top", f"top level {config}:1")
    assert sources(home, XDG_CONFIG_HOME="/proc/nonexistent")["client.id"] == ("leat", "default")
    assert sources(home, LEAT_CONFIG=str(home.file), XDG_CONFIG_HOME="/proc/nonexistent")["client.id"][0] == "top"


def test_the_sources_shown_are_those_in_force(home):
    """What show says is what a command does: each source in turn names the broker."""
    home.file.parent.mkdir(parents=True)
    with Leatd() as leatd:
        nobody, some = "bootstrap.servers=127.0.0.1:1", f"bootstrap.servers={leatd.address}"
        command = home.path / "command.properties"

        def ping(*args, status, **environ):
            home.leat("ping", "--timeout", "2s", *args, status=status, **environ)

        home.file.write_text(f"{nobody}\ncurrent = a\n[a]\n{some}\n")
        ping(status=0)
        command.write_text(nobody)
        ping("-F", command, status=3)
        ping("-F", command, status=0, LEAT_BOOTSTRAP_SERVERS=leatd.address)
        ping("-X", nobody, status=3, LEAT_BOOTSTRAP_SERVERS=leatd.address)
        ping("-X", nobody, "-b", leatd.address, status=0)
        home.golden("profile_test.json", home.leat("profile", "test", "--json"), mask={"ms", "address"})
        home.leat("profile", "test", "--timeout", "1s", status=3, LEAT_BOOTSTRAP_SERVERS="127.0.0.1:1")


def test_secrets_are_not_shown(home):
    home.file.parent.mkdir(parents=True)
    home.file.write_text("[a]\ndescription = x\n")
    assert "description" in home.leat("profile", "show", "a").stdout


def editor(home, script):
    path = home.path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path), "VISUAL": "", "PATH": os.environ["PATH"]}


def test_edit_takes_over_what_is_right(home):
    home.leat("profile", "create", "a", "-b", "h:1")
    before = home.file.read_text()
    home.golden("profile_edit.json", home.leat("profile", "edit", "--json", **editor(home, 'echo "client.id = new" >>"$1"')))
    assert home.file.read_text() == before + "client.id = new\n"
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    now = home.file.read_text()
    done = home.leat("profile", "edit", status=1, **editor(home, 'echo "clientid = new" >>"$1"'))
    assert "not taken over" in done.stderr and "Did you mean" in done.stderr
    assert home.file.read_text() == now and "clientid" in (home.file.parent / "config.edit").read_text()
    done = home.leat("profile", "edit", status=1, **editor(home, "exit 1"))
    assert "nothing is changed" in done.stderr and home.file.read_text() == now
