#!/usr/bin/env python3
"""header_test.py: every header compiles alone: as C17, and the installed ones as C++17 too.

usage: header_test.py TOP BUILD C++ CC...    CC is the C compiler as a list of words.
"""

import concurrent.futures
import os
import subprocess
import sys

FOLDERS = ["base", "proto", "storage", "server", "client", "bench", "tests/support"]
INSTALLED = ["base/include", "client/include"]


def headers(top):
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(top, folder)):
            yield from (os.path.relpath(os.path.join(where, name), top) for name in names if name.endswith(".h"))


def command(compiler, language, include_dirs, header):
    # Included twice: the guard is tested as well.
    flags = [f"-std={language}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    if language == "c17":
        flags += ["-D_GNU_SOURCE", "-Wstrict-prototypes"]
    includes = [f"-I{path}" for path in include_dirs]
    return [*compiler, *flags, *includes, "-include", header, "-include", header,
            "-x", "c" if language == "c17" else "c++", "/dev/null"]


def main(arguments):
    top, build, cxx, *cc = arguments
    public = [os.path.join(top, path) for path in INSTALLED]
    jobs = []
    for header in sorted(headers(top)):
        installed = any(header.startswith(path + "/") for path in INSTALLED)
        # An installed header must not lean on anything that is not installed.
        include_dirs = public if installed else [top, build, *public]
        path = os.path.join(top, header)
        jobs.append((header, "c17", command(cc, "c17", include_dirs, path)))
        if installed:
            jobs.append((header, "c++17", command([cxx], "c++17", include_dirs, path)))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda job: subprocess.run(job[2], capture_output=True, text=True, check=False), jobs)
        for (header, language, _), run in zip(jobs, runs):
            if run.returncode != 0:
                failed += 1
                print(f"{header} does not compile alone as {language}:\n{run.stderr}")
    print(f"header_test: {len(jobs)} compiled, {failed} failed")
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
