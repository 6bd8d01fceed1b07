#!/usr/bin/env python3
"""tidy_test.py: every rule of tidy.py finds what it is for, and lets pass what is fine."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402


def function(lines, name="log_append"):
    return f"int {name}(int a,\n        int b)\n{{\n" + "    a += b;\n" * (lines - 4) + "}\n"


def texts(findings):
    return [str(finding) for finding in findings]


class Blank(unittest.TestCase):
    def test_comments_and_strings_go_lines_stay(self):
        code = tidy.blank('a("sprintf(1)"); /* free(x)\n time(0) */ b(\'"\'); // gets(\nc();')
        self.assertEqual(code.count("\n"), 2)
        for word in ("sprintf", "free", "time", "gets"):
            self.assertNotIn(word, code)
        for word in ("a(", "b(", "c()"):
            self.assertIn(word, code)


class Sizes(unittest.TestCase):
    def check(self, path, text):
        return list(tidy.check_sizes(path, text, tidy.blank(text)))

    def test_lines_are_counted_from_the_signature(self):
        code = "static int x;\n\n" + function(10) + "\n" + function(5, "second")
        self.assertEqual(list(tidy.functions(code)), [("log_append", 3, 10), ("second", 14, 5)])

    def test_tests_are_functions_too(self):
        code = "START_TEST(appends_survive)\n{\n    f();\n}\nEND_TEST\n"
        self.assertEqual(list(tidy.functions(code)), [("appends_survive", 1, 4)])

    def test_limits(self):
        self.assertEqual(self.check("a.c", function(70)), [])
        self.assertFalse(self.check("a.c", function(71))[0].error)
        self.assertFalse(self.check("a.c", function(100))[0].error)
        self.assertTrue(self.check("a.c", function(101))[0].error)

    def test_long_file(self):
        self.assertEqual(self.check("a.c", "\n" * 1000), [])
        self.assertTrue(self.check("a.c", "\n" * 1001)[0].error)
        self.assertTrue(self.check("tests/x.py", "\n" * 1001)[0].error)
        self.assertEqual(self.check("README.md", "\n" * 1001), [])


class Includes(unittest.TestCase):
    def check(self, path, *names):
        text = "".join(f"#include {name}\n" for name in names)
        return texts(tidy.check_includes(path, text))

    def test_down_is_fine(self):
        self.assertEqual(self.check("server/a.c", '"storage/x.h"', '"proto/x.h"', '"base/x.h"', '"leat/err.h"', "<time.h>"), [])
        self.assertEqual(self.check("bench/a.c", '"client/x.h"', '"leat/leat.h"'), [])
        self.assertEqual(self.check("storage/tools/a.c", '"storage/x.h"'), [])
        self.assertEqual(self.check("tests/unit/storage/a.c", '"storage/x.h"', '"tests/support/x.h"'), [])

    def test_up_and_across_are_not(self):
        for path, name in (("base/a.h", '"proto/x.h"'), ("proto/a.c", '"storage/x.h"'),
                           ("storage/a.c", '"server/x.h"'), ("server/a.c", '"client/x.h"'),
                           ("server/a.c", '"leat/leat.h"'), ("server/a.c", "<leat/leat.h>"),
                           ("client/a.c", '"storage/x.h"'), ("client/cli/a.c", '"server/x.h"'),
                           ("client/a.c", '"bench/x.h"'), ("storage/a.c", '"tests/support/x.h"')):
            self.assertEqual(len(self.check(path, name)), 1, (path, name))

    def test_path_from_the_top(self):
        self.assertEqual(len(self.check("base/a.c", '"buf.h"')), 1)

    def test_examples_use_the_public_header_only(self):
        self.assertEqual(self.check("client/examples/a.c", "<leat/leat.h>"), [])
        self.assertEqual(len(self.check("client/examples/a.c", '"base/buf.h"')), 1)
        self.assertEqual(self.check("contrib/demo/a.c", "<leat/leat.h>", '"contrib/demo/b.h"'), [])
        self.assertEqual(len(self.check("contrib/demo/a.c", '"client/x.h"')), 1)


class Calls(unittest.TestCase):
    def check(self, path, code):
        return texts(tidy.check_calls(path, tidy.blank(code)))

    def test_banned_everywhere(self):
        for name in tidy.NEVER:
            self.assertEqual(len(self.check("tests/a.c", f"    {name}(x);")), 1, name)

    def test_one_home(self):
        for name, home in (("malloc", "base/alloc.c"), ("free", "base/alloc.c"), ("time", "base/clock.c"),
                           ("clock_gettime", "base/clock.c"), ("fdatasync", "base/os.c"), ("unlink", "base/os.c")):
            self.assertEqual(len(self.check("storage/a.c", f"x = {name} (y);")), 1, name)
            self.assertEqual(self.check(home, f"x = {name}(y);"), [])
            self.assertEqual(self.check("tests/unit/a.c", f"x = {name}(y);"), [])

    def test_members_and_longer_names_are_others(self):
        code = "ops->rename(ops, a, b); ops.unlink(a); lt_free(p); snprintf(a); gmtime_r(a); int (*fsync)(int);"
        self.assertEqual(self.check("storage/a.c", code), [])


class Headers(unittest.TestCase):
    def test_opening(self):
        good = "/* a.h: what it is.\n *\n * Threads: any. */\n"
        self.assertEqual(list(tidy.check_header("base/a.h", good)), [])
        for bad in ("#ifndef A\n", "/* what it is. Threads: any */", "/* b.h: x. Threads: any. */", "/* a.h: x. */"):
            self.assertEqual(len(list(tidy.check_header("base/a.h", bad))), 1, bad)


class Words(unittest.TestCase):
    def test_leftovers(self):
        for bad in ("/* TO" "DO: later */", "FIX" "ME", "see issue" " #12", "in /ho" "me/someone/x"):
            self.assertEqual(len(list(tidy.check_words("a.c", bad))), 1, bad)
        for good in ("#define XX(name)", "the todo list", "the issue is 3 bytes", "client/home/x", "KAFKA-10471"):
            self.assertEqual(list(tidy.check_words("a.c", good)), [], good)


class Unused(unittest.TestCase):
    HEADER = "int log_a(int x);\nstruct s *log_b(void);\nstatic inline int log_c(void)\n{\n    return 1;\n}\n"

    def check(self, files, generated=()):
        return [finding.text for finding in tidy.check_unused(files, generated)]

    def test_undefined_and_unused(self):
        source = "int log_a(int x)\n{\n    return x;\n}\n"
        self.assertEqual(self.check({"storage/a.h": self.HEADER, "storage/a.c": source}),
                         ["log_a is declared, but used nowhere", "log_b is declared, but defined nowhere"])

    def test_used(self):
        source = "int log_a(int x)\n{\n    return x;\n}\n\nstruct s *log_b(void)\n{\n    return 0;\n}\n"
        caller = "int main(void)\n{\n    return log_a(log_b() != 0);\n}\n"
        self.assertEqual(self.check({"storage/a.h": self.HEADER, "storage/a.c": source, "tests/t.c": caller}), [])
        self.assertEqual(self.check({"storage/a.h": self.HEADER, "storage/a.c": source}, ["log_a(1); log_b();"]), [])

    def test_use_by_a_macro_or_the_own_file_counts(self):
        header = "int lt_fail(int x);\n#define LT_ASSERT(c) lt_fail(c)\nint lt_x(void);\n"
        source = "int lt_fail(int x)\n{\n    return x;\n}\nint lt_x(void)\n{\n    return 0;\n}\nint y = lt_x();\n"
        self.assertEqual(self.check({"base/a.h": header, "base/a.c": source}), [])

    def test_public_functions_need_no_caller_but_a_body(self):
        header = "LEAT_API int leat_a(void);\nLEAT_API int leat_b(void);\n"
        source = "int leat_a(void)\n{\n    return 0;\n}\n"
        self.assertEqual(self.check({"client/include/leat/leat.h": header, "client/a.c": source}),
                         ["leat_b is declared, but defined nowhere"])


class Tree(unittest.TestCase):
    def test_a_finding_fails_the_run(self):
        with tempfile.TemporaryDirectory() as top:
            os.mkdir(os.path.join(top, "base"))
            path = os.path.join(top, "base", "a.c")
            with open(path, "w", encoding="utf-8") as file:
                file.write("int x;\n")
            self.assertEqual(tidy.main([top]), 0)
            with open(path, "w", encoding="utf-8") as file:
                file.write("void f(void)\n{\n    gets(0);\n}\n")
            self.assertEqual(tidy.main([top]), 1)


if __name__ == "__main__":
    unittest.main()
