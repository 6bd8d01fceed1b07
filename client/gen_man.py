#!/usr/bin/env python3
"""gen_man.py: the manual pages of libleat, section 3, made from the comments of its public headers.

    gen_man.py --list LEAT_H                                        names of the files that are made, one a line
    gen_man.py --out DIR --version TEXT LEAT_H ERR_H CONF_TABLE_H   make them

A page holds one family of functions; every function has a file of its own that sources its family's page, so that
`man leat_send` works. What the header says in front of a declaration is its text: nothing is written twice. A section of
the header that belongs to no page is an error.

Output: mdoc(7), which man-db, groff and mandoc read.
"""

import argparse
import ast
import os
import pathlib
import re
import sys
import textwrap
import time

# Page, what it is about (one line), sections of leat.h whose declarations it takes, prefixes that single some of them out.
PAGES = [
    ("libleat", "client library for leat and other servers of the Kafka protocol", ["library"], None),
    ("leat_error", "errors of libleat: codes, names, texts and what to do", ["errors"], None),
    ("leat_conf", "settings of clients, producers, consumers and topics", ["settings"], None),
    ("leat_client", "connections to a cluster, event loops", ["client"], None),
    ("leat_record", "records: key, value, headers, place and time", ["records"], None),
    ("leat_producer", "send records", ["producer"], None),
    ("leat_offsets", "lists of partitions with an offset", ["lists of offsets"], None),
    ("leat_batch", "records that a consumer has read", ["consumer"], ["leat_batch_"]),
    ("leat_consumer", "read records", ["consumer"], None),
    ("leat_result", "rows that administrative calls return", ["admin"], ["leat_result_"]),
    ("leat_admin", "topics, partitions, configurations, offsets, cluster", ["admin"], None),
]
INDENT = 2  # of a block in a comment that keeps its lines
WIDTH = 72  # of text in the pages' sources, less what escaping adds


class Group:
    """A comment and the declarations that follow it up to the next comment."""

    def __init__(self, text):
        self.text = text
        self.declarations = []

    def functions(self):
        return [name for name in map(function_name, self.declarations) if name]


def function_name(declaration):
    found = re.match(r"LEAT_API\b[^(]*?\b(leat_\w+)\(", declaration)
    return found.group(1) if found else None


# ---- reading ----


def comment_text(comment):
    lines = comment[2:-2].strip().split("\n")
    return "\n".join(re.sub(r"^ \* ?", "", line).rstrip() for line in lines).strip("\n")


def tokens(source):
    """Comments and declarations of a header, in order."""
    pattern = r"/\*.*?\*/|^\s*#[^\n]*(?:\\\n[^\n]*)*|[^/#]+?;(?:[ \t]*/\*[^\n]*?\*/)?|enum[^;]*;|extern \"C\" \{|\}\s*$"
    at = 0
    while at < len(source):
        if source[at].isspace():
            at += 1
            continue
        if source.startswith("enum", at):
            end = source.index("};", at) + 2
        else:
            found = re.compile(pattern, re.S | re.M).match(source, at)
            if not found:
                sys.exit(f"gen_man.py: not understood: {source[at:at + 60]!r}")
            end = found.end()
        yield source[at:end].strip()
        at = end


def sections(source):
    """The text at the head of the header, and {section: [Group]} with a section's own comment as a group without declarations."""
    found = {}
    head = None
    name = None
    for token in tokens(source):
        if token.startswith("/*"):
            text = comment_text(token)
            if head is None:
                head = text
                continue
            title = re.match(r"---- (.*?) ----", text)
            if title:
                name = title.group(1)
                found[name] = []
                text = text[title.end():].strip("\n")
                if text:
                    found[name].append(Group(text))
            elif name:
                found[name].append(Group(text))
        elif name and not token.startswith(("#", "}", "extern")):
            if not found[name]:
                found[name].append(Group(""))
            found[name][-1].declarations.append(token)
    return head, found


def distribute(found):
    """{page: [Group]}: each group is taken by the first page that names its section and prefix."""
    pages = {page: [] for page, *_ in PAGES}
    for section, groups in found.items():
        takers = [(page, prefixes) for page, _, names, prefixes in PAGES if section in names]
        if not takers:
            sys.exit(f"gen_man.py: section '{section}' of the header belongs to no page; name it in PAGES")
        for group in groups:
            names = group.functions()
            for page, prefixes in takers:
                if prefixes is None or names and all(name.startswith(tuple(prefixes)) for name in names):
                    pages[page].append(group)
                    break
    return pages


# ---- writing ----


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def escape_argument(text):
    """A macro's argument: quoted, since it may hold blanks or words that are macros."""
    return '"' + escape(text).replace('"', '\\(dq') + '"'


class Page:
    def __init__(self, name, functions):
        self.name = name
        self.functions = functions
        self.lines = []

    def add(self, *lines):
        self.lines += lines

    def prose(self, text):
        """One paragraph: names of functions and constants are marked."""
        pending = []
        for word in text.split():
            parts = re.fullmatch(r"([(]?)(leat_\w+|LEAT_\w+)(?:\(\))?([.,;:)]*)", word)
            macro = None
            if parts and parts.group(2) in self.functions:
                macro = "Fn"
            elif parts and parts.group(2).startswith("LEAT_") and not parts.group(2).endswith("_"):
                macro = "Dv"
            if macro is None:
                pending.append(word)
                continue
            self.text(pending)
            pending = []
            closing = " ".join(parts.group(3))
            self.add(" ".join(filter(None, [f".{macro}", parts.group(1), parts.group(2), closing])))
        self.text(pending)

    def text(self, words):
        """Lines of text: each sentence begins one, since the formatter wants to see where it ends."""
        sentence = []
        for word in words:
            sentence.append(word)
            if re.search(r"(?<!\.\.)[.?!][)\"]*$", word):
                self.add(*map(escape, textwrap.wrap(" ".join(sentence), WIDTH, break_on_hyphens=False)))
                sentence = []
        self.add(*map(escape, textwrap.wrap(" ".join(sentence), WIDTH, break_on_hyphens=False)))

    def literal(self, lines):
        common = min(len(line) - len(line.lstrip()) for line in lines if line)
        self.add(".Bd -literal -offset indent", *[escape(line[common:]) for line in lines], ".Ed")

    def comment(self, text, first=False):
        """Paragraphs are filled; indented blocks keep their lines."""
        block = []
        is_literal = False

        def flush():
            nonlocal first
            while block and not block[-1]:
                block.pop()
            if block and is_literal:
                self.literal(block)
            elif block:
                if not first and not self.lines[-1].startswith((".Sh", ".Ss")):
                    self.add(".Pp")
                self.prose(" ".join(block))
            first = first and not block
            block.clear()

        for line in text.split("\n"):
            indented = line.startswith(" " * INDENT)
            if not line:
                if is_literal:
                    block.append(line)
                else:
                    flush()
                continue
            if indented != is_literal:
                flush()
                is_literal = indented
            block.append(line)
        flush()


def prototype(page, declaration):
    """One function in the synopsis."""
    text = re.sub(r"/\*.*?\*/", "", declaration, flags=re.S)
    text = " ".join(text.replace("LEAT_API", "").replace("LEAT_CHECK", "").split())
    found = re.fullmatch(r"(.*?)\s?(leat_\w+)\((.*)\);", text)
    page.add(".Ft " + escape_argument(found.group(1)), f".Fo {found.group(2)}")
    page.add(*[".Fa " + escape_argument(argument.strip()) for argument in found.group(3).split(",")])
    page.add(".Fc")


def synopsis(page, groups):
    page.add(".Sh SYNOPSIS", ".In leat/leat.h")
    for group in groups:
        for declaration in group.declarations:
            if function_name(declaration):
                prototype(page, declaration)
            else:
                page.add(".Bd -literal", *[escape(line) for line in declaration.split("\n")], ".Ed")


def description(page, groups):
    page.add(".Sh DESCRIPTION")
    for group in groups:
        names = group.functions()
        if names:
            page.add(".Ss " + " , ".join(names))
        elif group.declarations:
            found = re.search(r"(?:enum |\(\*)(leat_\w+)", group.declarations[0])
            page.add(".Ss " + found.group(1))
        page.comment(group.text, first=True)


def error_table(page, source):
    page.add(".Sh ERRORS", "A code of a broker is", ".Dv LEAT_BROKER_ERROR ( code ) ;", "libleat\\(aqs own are:",
             ".Bl -tag -width LEAT_EUNREACHABLE")
    for name, number, text in re.findall(r"XX\((\w+), (-\d+), \"([^\"]*)\"\)", source):
        page.add(f".It Dv LEAT_E{name} Pq \\{number}", escape(text) + ".")
    page.add(".El")


def settings_table(page, source):
    source = source.replace("\\\n", " ")
    row = r"XX\(\w+, (\"[^\"]*\"), LC_(\w+), (\"[^\"]*\"), [^\"]*?, (NULL|\"[^\"]*\"),\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)\)"
    rows = re.findall(row, source)
    if not rows:
        sys.exit("gen_man.py: the table of settings is not understood")
    page.add(".Sh SETTINGS", "Default in parentheses.", ".Bl -tag -width Ds")
    for key, kind, default, choices, text in rows:
        values = ast.literal_eval(choices).replace("|", ", ") if choices != "NULL" else kind.lower()
        default = ast.literal_eval(default) or "none"
        page.add(f".It Ic {ast.literal_eval(key)} Pq {escape_argument(default)}")
        page.text(f"{ast.literal_eval(text)} ({values}).".split())
    page.add(".El")


def make(name, about, groups, head, all_functions, arguments):
    own = [function for group in groups for function in group.functions()]
    page = Page(name, all_functions)
    page.add(f".\\\" Made by gen_man.py from {os.path.basename(arguments.header)}.",
             ".Dd " + time.strftime("%B %-d, %Y", time.gmtime(arguments.date)), f".Dt {name.upper()} 3",
             f".Os libleat {arguments.version}", ".Sh NAME")
    names = [name] if name not in own else []
    names += own
    page.add(*[f".Nm {each} ,".rstrip(" ,") + (" ," if each != names[-1] else "") for each in names], f".Nd {about}")
    page.add(".Sh LIBRARY", "libleat; compile and link with", ".Ql pkg\\-config \\-\\-cflags \\-\\-libs leat")
    synopsis(page, groups)
    if name == "libleat":
        page.add(".Sh DESCRIPTION")
        page.comment(head.split(": ", 1)[1], first=True)
        for group in groups:
            page.add(".Ss " + " , ".join(group.functions()))
            page.comment(group.text, first=True)
    else:
        description(page, groups)
    if name == "leat_error":
        error_table(page, pathlib.Path(arguments.errors).read_text())
    if name == "leat_conf":
        settings_table(page, pathlib.Path(arguments.settings).read_text())
    page.add(".Sh SEE ALSO")
    others = sorted(other for other, *_ in PAGES if other != name)
    page.add(*[f".Xr {other} 3" + (" ," if other != others[-1] else "") for other in others])
    return "\n".join(page.lines) + "\n", own


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--version", default="")
    parser.add_argument("header")
    parser.add_argument("errors", nargs="?")
    parser.add_argument("settings", nargs="?")
    arguments = parser.parse_args()
    arguments.date = int(os.environ.get("SOURCE_DATE_EPOCH", os.stat(arguments.header).st_mtime))
    head, found = sections(pathlib.Path(arguments.header).read_text())
    pages = distribute(found)
    functions = {name for groups in pages.values() for group in groups for name in group.functions()}
    files = {}
    for name, about, *_ in PAGES:
        if arguments.list:
            own = [function for group in pages[name] for function in group.functions()]
            files[name] = ""
        else:
            files[name], own = make(name, about, pages[name], head, functions, arguments)
        files.update({function: f".so man3/{name}.3\n" for function in own if function != name})
    for name, text in sorted(files.items()):
        if arguments.list:
            print(f"{name}.3")
        else:
            (arguments.out / f"{name}.3").write_text(text)


if __name__ == "__main__":
    main()
