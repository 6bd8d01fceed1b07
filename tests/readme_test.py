"""The README's table of APIs is what the server serves; `--write` puts it there.

The keys come from SRV_HANDLERS in server/dispatch.h, the table from proto/gen.py."""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
BEGIN = "<!-- apis: made by proto/gen.py --readme-table, checked by a test -->\n"
END = "<!-- apis end -->"


def served_keys():
    rows = re.findall(r"XX\(([A-Z_]+), [a-z_]+\)", (TOP / "server/dispatch.h").read_text())
    keys = {}
    for schema in (TOP / "proto/schema").glob("*.schema"):
        for key, name in re.findall(r"^api (\d+) (\w+)", schema.read_text(), re.M):
            keys[re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()] = int(key)
    return sorted(keys[row] for row in rows)


def table():
    keys = ",".join(map(str, served_keys()))
    return subprocess.run(
        [sys.executable, str(TOP / "proto/gen.py"), "--readme-table", keys], check=True, capture_output=True, text=True
    ).stdout


def main():
    readme = TOP / "README.md"
    text = readme.read_text()
    head, rest = text.split(BEGIN)
    wanted = head + BEGIN + table() + END + rest.split(END, 1)[1]
    if "--write" in sys.argv:
        readme.write_text(wanted)
    elif text != wanted:
        sys.exit("README.md: the table of APIs is not what the server serves; run tests/readme_test.py --write")


if __name__ == "__main__":
    main()
