"""docs/events.md lists exactly the events that the server can tell."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
CALLS = [
    r'lt_diag\(\s*[^;"]*?"\w+",\s*"(\w+)"',  # level, component, event
    r'event\([^;"]*?LT_\w+,\s*(?:\w+ \? )?"(\w+)"(?:\s*:\s*"(\w+)")?',  # storage's events
    r'\b(?:refused|shut)\([^;"]*?"(\w+)"',  # helpers that pass an event on
]


def told():
    events = set()
    for folder in ("server", "storage"):
        for path in (TOP / folder).glob("*.c"):
            text = path.read_text()
            for call in CALLS:
                for match in re.finditer(call, text):
                    events.update(name for name in match.groups() if name)
    return events


def main():
    listed = set(re.findall(r"^\| \w+ \| `(\w+)` \|", (TOP / "docs/events.md").read_text(), re.M))
    problems = [f"{name} is not in docs/events.md" for name in sorted(told() - listed)]
    problems += [f"{name} is in docs/events.md, but nothing tells it" for name in sorted(listed - told())]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
