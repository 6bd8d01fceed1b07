#!/usr/bin/env python3
"""gen_docs.py: the reference docs/cli.md and the man pages, from what the programs say of themselves.

  gen_docs.py --reference LEAT                 docs/cli.md on stdout; `--check FILE`: exit 1 if FILE differs
  gen_docs.py --man SCDOC OUT BUILD            man pages into OUT; the programs are in BUILD
  gen_docs.py --list                           names of the man pages

`leat --help-json` has commands, flags and texts; the other programs' --help stands in their pages as it is.
"""

import json
import pathlib
import re
import subprocess
import sys

PAGES = [
    "leat.1", "leat-produce.1", "leat-consume.1", "leat-cat.1", "leat-tail.1", "leat-topic.1", "leat-config.1",
    "leat-cluster.1", "leat-ping.1", "leat-doctor.1", "leat-profile.1", "leat-dev.1", "leat-completion.1",
    "leat-bench.1", "leat-segment.1", "leatd.8", "leat.properties.5",
]  # fmt: skip
OTHERS = {
    "leat-bench.1": "measure a broker that speaks the Kafka protocol",
    "leat-segment.1": "look into log files of leatd while no server uses them",
    "leatd.8": "append-only partitioned log server that speaks the Kafka protocol",
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def tree_of(leat):
    return json.loads(run(leat, "--help-json"))


def flag_names(flag):
    value = flag["value"]
    text = f"-{flag['letter']}, " if flag["letter"] else ""
    text += f"--{flag['name']}"
    return text, ("" if not value else f"[={value}]" if flag["value_optional"] else f" {value}")


# ---- docs/cli.md ----


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def flag_table(flags):
    yield "| flag | |"
    yield "|---|---|"
    for flag in flags:
        names, value = flag_names(flag)
        yield f"| `{cell(names + value)}` | {cell(flag['text'])} |"
    yield ""


def reference(tree):
    yield "# The command line"
    yield ""
    yield f"`leat`: {tree['summary']}. Made by `client/cli/gen_docs.py` from `leat --help-json`; a test holds it against the program."
    yield ""
    yield "| command | |"
    yield "|---|---|"
    for command in tree["commands"]:
        yield f"| [`leat {command['name']}`](#leat-{command['name'].replace(' ', '-')}) | {cell(command['summary'])} |"
    yield ""
    yield "## Flags of all commands"
    yield ""
    yield from flag_table(tree["flags"])
    yield "## Exit codes"
    yield ""
    yield "| code | |"
    yield "|--:|---|"
    for row in tree["exit_codes"]:
        yield f"| {row['code']} | {row['text']} |"
    yield ""
    for topic in tree["topics"]:
        yield f"## leat help {topic['name']}"
        yield ""
        yield "```"
        yield from topic["text"].rstrip("\n").split("\n")
        yield "```"
        yield ""
    for command in tree["commands"]:
        yield f"## leat {command['name']}"
        yield ""
        yield command["doc"] or command["summary"]
        yield ""
        yield "```"
        yield f"leat {command['name']}{' ' + command['args'] if command['args'] else ''} [FLAG..]"
        yield "```"
        yield ""
        if command["aliases"]:
            yield "Also: " + ", ".join(f"`leat {alias}`" for alias in command["aliases"])
            yield ""
        if command["flags"]:
            yield from flag_table(command["flags"])
        yield "```console"
        yield from (f"$ {line}" for line in command["examples"])
        yield "```"
        yield ""
        if command["more"]:
            yield command["more"]
            yield ""


# ---- man pages ----


def plain(text):
    """Text that scdoc prints as it stands."""
    text = re.sub(r"([\\*_~#`|<>\[\]+])", r"\\\1", text)
    return re.sub(r"^([-.])", r"\\\1", text)


def literal(lines):
    yield "```"
    yield from (line.rstrip() for line in lines)
    yield "```"
    yield ""


def man_flags(flags):
    for flag in flags:
        names, value = flag_names(flag)
        yield f"*{plain(names)}*{plain(value)}"
        yield f"\t{plain(flag['text'])}"
        yield ""


def head(page, name, summary, version):
    title, section = page.rsplit(".", 1)
    yield f'{title}({section}) "leat {version}" "leat"'
    yield ""
    yield "# NAME"
    yield ""
    yield f"{plain(name)} - {plain(summary)}"
    yield ""


def man_leat(tree):
    yield from head("leat.1", "leat", tree["summary"], tree["version"])
    yield "# SYNOPSIS"
    yield ""
    yield "*leat* COMMAND \\[NAME..\\] \\[FLAG..\\]"
    yield ""
    yield "# COMMANDS"
    yield ""
    for command in tree["commands"]:
        yield f"*leat {plain(command['name'])}*"
        yield f"\t{plain(command['summary'])}"
        yield ""
    yield "# FLAGS OF ALL COMMANDS"
    yield ""
    yield from man_flags(tree["flags"])
    yield "# EXIT CODES"
    yield ""
    for row in tree["exit_codes"]:
        yield f"*{row['code']}*"
        yield f"\t{plain(row['text'])}"
        yield ""
    for topic in tree["topics"]:
        yield f"# {topic['name'].upper()}"
        yield ""
        yield from literal(topic["text"].rstrip("\n").split("\n"))


def man_noun(tree, page):
    noun = page[len("leat-") : -2]
    commands = [c for c in tree["commands"] if c["name"].split()[0] == noun]
    summary = commands[0]["summary"] if len(commands) == 1 else ", ".join(c["name"].split()[1] for c in commands)
    yield from head(page, f"leat-{noun}", summary, tree["version"])
    yield "# SYNOPSIS"
    yield ""
    for command in commands:
        yield f"*leat {plain(command['name'])}*{' ' + plain(command['args']) if command['args'] else ''} \\[FLAG..\\]"
        yield ""
    for command in commands:
        yield f"# LEAT {command['name'].upper()}"
        yield ""
        yield plain(command["doc"] or command["summary"])
        yield ""
        if command["aliases"]:
            yield "Also: " + ", ".join(f"*leat {plain(alias)}*" for alias in command["aliases"])
            yield ""
        yield from man_flags(command["flags"])
        yield "Examples:"
        yield ""
        yield from literal(command["examples"])
        if command["more"]:
            yield plain(command["more"])
            yield ""
    yield "# SEE ALSO"
    yield ""
    yield "*leat*(1) for the flags that all commands share and the exit codes"


def man_other(tree, page, build):
    name = page.rsplit(".", 1)[0]
    yield from head(page, name, OTHERS[page], tree["version"])
    yield "# OPTIONS"
    yield ""
    yield from literal(run(str(build / name), "--help").rstrip("\n").split("\n"))
    yield "# SEE ALSO"
    yield ""
    yield "*leat*(1), *leat.properties*(5)"


def man_properties(tree):
    yield from head("leat.properties.5", "leat.properties", "settings of clients and profiles", tree["version"])
    yield "# FORMAT"
    yield ""
    yield "One setting a line, as in Java's properties; the same for leatd, for --command-config and for profiles:"
    yield ""
    yield from literal(
        [
            "key = value      or key: value; blanks around both are dropped",
            "# or !           comment",
            "\\ at line end    goes on in the next line",
            "include = GLOB   reads other files here",
            "${env:NAME}      the variable's value; ${file:PATH} the file's contents",
            "[name]           begins a profile; in profile files only",
        ]
    )
    yield "A key that comes twice is an error that names both lines. Sizes may say 64MiB, times 10s or 7d."
    yield ""
    yield "# SETTINGS OF CLIENTS"
    yield ""
    for row in tree["properties"]:
        yield f"*{plain(row['key'])}*"
        yield f"\t{plain(row['text'])} ({plain(row['type'])}; default: {plain(row['default'] or 'none')})"
        yield ""
    yield "# SEE ALSO"
    yield ""
    yield "*leat*(1), *leat-profile*(1), *leatd*(8)"


def man(scdoc, out, build):
    tree = tree_of(str(build / "leat"))
    for page in PAGES:
        if page == "leat.1":
            lines = man_leat(tree)
        elif page in OTHERS:
            lines = man_other(tree, page, build)
        elif page == "leat.properties.5":
            lines = man_properties(tree)
        else:
            lines = man_noun(tree, page)
        text = "\n".join(lines).rstrip("\n") + "\n"
        done = subprocess.run([scdoc], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{page}: {done.stderr}")
        (out / page).write_text(done.stdout)


def main():
    args = sys.argv[1:]
    if args[:1] == ["--list"]:
        print("\n".join(PAGES))
    elif args[:1] == ["--reference"]:
        text = "\n".join(reference(tree_of(args[1]))).rstrip("\n") + "\n"
        if "--check" not in args:
            sys.stdout.write(text)
        elif pathlib.Path(args[args.index("--check") + 1]).read_text() != text:
            sys.exit(f"docs/cli.md is not what leat says: {sys.argv[0]} --reference {args[1]} >docs/cli.md")
    elif args[:1] == ["--man"]:
        man(args[1], pathlib.Path(args[2]), pathlib.Path(args[3]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
