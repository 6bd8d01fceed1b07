#!/usr/bin/env python3
"""tidy.py: the rules of style that a program can check.

  sizes      functions of at most 70 lines (up to 100: listed as a warning; above: an error), files of at most 1000
  includes   base <- proto <- storage <- server; base <- proto <- client <- bench; client never meets storage or server
  calls      no sprintf and its like; memory, time and file calls only through base/
  headers    each opens with a comment that names it, says what it is, and has a "Threads:" line
  words      no leftovers (unfinished work, tracker numbers, paths of somebody's machine)
  unused     what a header declares is defined somewhere and used by somebody

usage: tidy.py [TOP [GENERATED...]]    prints one line per finding; exit code 1 if there is an error.
GENERATED are directories with generated C in them (a build directory): what it uses counts as used, nothing else is
asked of it.
C is read as text with comments and strings blanked out: enough for code in one format, and quick.
"""

import os
import re
import subprocess
import sys

FUNCTION_LINES = 70
FUNCTION_LINES_HARD = 100
FILE_LINES = 1000

# Whose headers a folder may include. tests/ may include all.
REACHES = {
    "base": {"base"},
    "proto": {"base", "proto"},
    "storage": {"base", "proto", "storage"},
    "server": {"base", "proto", "storage", "server"},
    "client": {"base", "proto", "client"},
    "bench": {"base", "proto", "client", "bench"},
}
# Public headers are included without their folder.
PUBLIC = {"leat/err.h": "base", "leat/leat.h": "client"}

NEVER = ["sprintf", "vsprintf", "strcpy", "strcat", "strtok", "atoi", "atol", "atoll", "gets",
         "gmtime", "localtime", "alloca", "mktemp", "tmpnam"]
# Calls with one home, and where else they are allowed (prefixes of paths).
HOMES = [
    (["malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
      "vasprintf"], ["base/alloc.c", "tests/", "client/examples/"]),
    (["time", "gettimeofday", "clock_gettime"], ["base/clock.c", "tests/", "client/examples/"]),
    (["pread", "preadv", "pwrite", "pwritev", "fsync", "fdatasync", "msync", "rename", "renameat",
      "unlink", "unlinkat", "ftruncate", "truncate", "fallocate", "posix_fallocate", "mmap",
      "munmap"], ["base/os.c", "tests/", "client/examples/"]),
]

# Split so that this file does not contain what it looks for.
WORDS = [re.compile(pattern) for pattern in (
    r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b", r"\bHA" r"CK\b",
    r"(?i)\bissue" r" #?\d", r"(?<![\w.])/ho" r"me/\w")]

TEXT_SUFFIXES = (".c", ".h", ".py", ".sh", ".md", ".build", ".txt", ".js", ".html", ".css", ".schema", ".in")
CODE_SUFFIXES = (".c", ".h", ".py", ".sh")


class Finding:
    def __init__(self, path, line, text, error=True):
        self.path, self.line, self.text, self.error = path, line, text, error

    def __str__(self):
        return f"{self.path}:{self.line}: {'error' if self.error else 'warning'}: {self.text}"


def blank(text):
    """The C source with comments, strings and character constants replaced by spaces; lines stay."""
    def spaces(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, spaces, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


# ---- sizes ----

def functions(code):
    """(name, first line, number of lines) of every function; `code` is blanked and in Linux brace style."""
    lines = code.split("\n")
    start = None
    for index, line in enumerate(lines):
        if line == "{":
            start = index
        elif line.startswith("}") and start is not None:
            first = start
            while first > 0 and re.match(r"[\w\s*(),\[\].#\"]+$", lines[first - 1]) \
                    and lines[first - 1].strip() and not lines[first - 1].startswith("#"):
                first -= 1
            head = " ".join(lines[first:start])
            match = re.search(r"(\w+)\s*\(", head)
            name = match.group(1) if match else "?"
            if name in ("START_TEST", "END_TEST"):
                name = head[head.index("(") + 1:].split(")")[0].strip()
            yield name, first + 1, index - first + 1
            start = None


def check_sizes(path, text, code):
    count = text.count("\n")
    if path.endswith(CODE_SUFFIXES) and count > FILE_LINES:
        yield Finding(path, count, f"{count} lines; at most {FILE_LINES}")
    if not path.endswith((".c", ".h")):
        return
    for name, line, size in functions(code):
        if size > FUNCTION_LINES_HARD:
            yield Finding(path, line, f"{name}: {size} lines; at most {FUNCTION_LINES_HARD}")
        elif size > FUNCTION_LINES:
            yield Finding(path, line, f"{name}: {size} lines; better at most {FUNCTION_LINES}", False)


# ---- includes ----

def check_includes(path, text):
    folder = path.split("/")[0]
    reaches = REACHES.get(folder)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.M):
        name = match.group(2)
        owner = PUBLIC.get(name, name.split("/")[0])
        line = line_of(text, match.start())
        if match.group(1) == '"' and "/" not in name:
            yield Finding(path, line, f'include "{name}" by its path from the top')
        elif reaches is not None and owner in REACHES and owner not in reaches:
            yield Finding(path, line, f"{folder}/ must not include {name}")
        elif reaches is not None and owner == "tests":
            yield Finding(path, line, f"{folder}/ must not include a test's header")
        elif path.startswith(("client/examples/", "contrib/")) and owner in REACHES and name not in PUBLIC:
            yield Finding(path, line, f"an example or a demonstration uses public headers only, not {name}")


# ---- calls ----

def calls_of(code, names):
    """Calls of plain functions: not of members, and not definitions in a table."""
    pattern = r"(?<![\w.>])(" + "|".join(names) + r")\s*\("
    for match in re.finditer(pattern, code):
        yield match.group(1), line_of(code, match.start())


def check_calls(path, code):
    for name, line in calls_of(code, NEVER):
        yield Finding(path, line, f"{name}() is banned")
    for names, allowed in HOMES:
        if not path.startswith(tuple(allowed)):
            for name, line in calls_of(code, names):
                yield Finding(path, line, f"{name}() only in {allowed[0]}")


# ---- headers and words ----

def check_header(path, text):
    match = re.match(r"/\*(.*?)\*/", text, re.S)
    if match is None:
        yield Finding(path, 1, "a header opens with a comment")
        return
    opening = match.group(1)
    if not opening.lstrip(" *\n").startswith(os.path.basename(path) + ":"):
        yield Finding(path, 1, f'the opening comment starts with "{os.path.basename(path)}: "')
    if not re.search(r"\bThreads\b[\w ]*:", opening):
        yield Finding(path, 1, 'the opening comment has no "Threads:" line')


def check_words(path, text):
    for pattern in WORDS:
        for match in pattern.finditer(text):
            yield Finding(path, line_of(text, match.start()), f'"{match.group(0)}" must not stay')


# ---- unused declarations ----

DECLARATION = re.compile(r"^(?:[A-Za-z_][\w ]*[ *]+)(\w+)\(", re.M)


def declared(code):
    """Names of functions that a header declares (not those it defines: static inline)."""
    for match in DECLARATION.finditer(code):
        head = code[match.start():match.end()]
        if re.match(r"(static|typedef|return|else|#)", head):
            continue
        yield match.group(1), line_of(code, match.start())


def check_unused(files, generated=()):
    """`files`: path -> blanked code of all C files; `generated`: code that may use them as well."""
    uses, definitions = {}, {}
    for path, code in files.items():
        for word in re.findall(r"[A-Za-z_]\w*", code):
            count = uses.setdefault(word, {})
            count[path] = count.get(path, 0) + 1
        if path.endswith(".c"):
            for name, _, _ in functions(code):
                definitions.setdefault(name, set()).add(path)
    used_by_generated = {word for code in generated for word in re.findall(r"[A-Za-z_]\w*", code)}
    for path, code in files.items():
        if not path.endswith(".h"):
            continue
        public = "/include/" in path
        for name, line in declared(code):
            homes = definitions.get(name, set())
            # One mention in the header is the declaration, one in each home the definition.
            own = homes | {path}
            used = any(count > (file in own) for file, count in uses[name].items())
            if not homes:
                yield Finding(path, line, f"{name} is declared, but defined nowhere")
            elif not used and not public and name not in used_by_generated:
                yield Finding(path, line, f"{name} is declared, but used nowhere")


# ---- all of it ----

def tracked(top):
    """The repository's files; without git, all files that look like source."""
    command = ["git", "-c", f"safe.directory={top}", "-C", top, "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
        names = [name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, entries in os.walk(top):
            folders[:] = [f for f in folders if not f.startswith((".", "build"))]
            names += [os.path.relpath(os.path.join(folder, entry), top) for entry in entries]
    return sorted(name for name in names if os.path.isfile(os.path.join(top, name)))


def is_text(path):
    return path.endswith(TEXT_SUFFIXES) or path in ("dev", ".ci/run")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def generated_code(folders):
    return [blank(read(os.path.join(where, name)))
            for folder in folders for where, _, names in os.walk(folder)
            for name in names if name.endswith((".c", ".h"))]


def check_tree(top, generated):
    findings, code_of = [], {}
    for path in tracked(top):
        if not is_text(path) or path.startswith("tests/golden/"):
            continue
        text = read(os.path.join(top, path))
        code = blank(text) if path.endswith((".c", ".h")) else ""
        findings += check_words(path, text)
        findings += check_sizes(path, text, code)
        if path.endswith((".c", ".h")):
            code_of[path] = code
            findings += check_includes(path, text)
            findings += check_calls(path, code)
        if path.endswith(".h"):
            findings += check_header(path, text)
    return findings + list(check_unused(code_of, generated_code(generated)))


def main(arguments):
    top = os.path.abspath(arguments[0] if arguments else os.path.join(os.path.dirname(__file__), ".."))
    findings = sorted(check_tree(top, arguments[1:]), key=lambda f: (not f.error, f.path, f.line))
    for finding in findings:
        print(finding)
    errors = sum(f.error for f in findings)
    print(f"tidy: {errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
