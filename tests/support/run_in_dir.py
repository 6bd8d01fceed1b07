#!/usr/bin/python3
"""Runs a test program in a fresh directory, its first argument; keeps the directory if the program fails.

  run_in_dir.py PROGRAM [--expect-broken] ARGUMENTS...

--expect-broken is for controls: the check must find the loss (exit code 3 of the program), or it can find nothing.
LEAT_SEED takes the place of the seed in ARGUMENTS.
"""
import os
import shutil
import subprocess
import sys
import tempfile

BROKEN = 3


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    expect_broken = "--expect-broken" in arguments
    arguments = [argument for argument in arguments if argument != "--expect-broken"]
    if "LEAT_SEED" in os.environ:
        arguments += ["--seed", os.environ["LEAT_SEED"]]
    directory = tempfile.mkdtemp(prefix="leat-test-")
    command = [sys.executable, program] if program.endswith(".py") else [program]
    code = subprocess.run(command + [os.path.join(directory, "data")] + arguments).returncode
    if expect_broken and code == BROKEN:
        print("control: the loss was found, as it must be")
        code = 0
    elif expect_broken:
        print("control: the loss was not found: the check is worth nothing")
        code = 1
    if code == 0:
        shutil.rmtree(directory)
    else:
        print(f"data kept in {directory}")
    return code


if __name__ == "__main__":
    sys.exit(main())
