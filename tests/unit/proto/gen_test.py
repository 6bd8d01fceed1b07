#!/usr/bin/env python3
"""The codec generator: mistakes in a schema are named with their line, output depends on nothing but the schemas.

usage: gen_test.py TOP
"""

import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(sys.argv.pop(1))
GEN = os.path.join(TOP, "proto/gen.py")

GOOD = """api 999 Sample advertise 0-1 serve 0-1 flexible 1+
request
  name string
  rows []Row? = null
    id uuid 1+
response
  error_code int16
"""


def run(*arguments):
    return subprocess.run([sys.executable, GEN, *arguments], capture_output=True, text=True, check=False)


def generate(text):
    """Result of the generator and the files it wrote for one schema, sample.schema."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sample.schema")
        with open(path, "w", encoding="utf-8") as schema:
            schema.write(text)
        result = run("--out", folder, path)
        files = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                files[name] = file.read()
        return result, files


class Mistakes(unittest.TestCase):
    def refused(self, text, line, words):
        result, _ = generate(text)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("sample.schema:%d: " % line, result.stderr)
        self.assertIn(words, result.stderr)

    def test_good_schema_passes(self):
        result, files = generate(GOOD)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("struct proto_sample_request_row {", files["msg_sample.h"])
        self.assertIn('XX(SAMPLE, sample, 999, "Sample", 0, 1, 0, 1, 1)', files["api_list.h"])

    def test_unknown_type(self):
        self.refused(GOOD.replace("name string", "name text"), 3, "no such type")

    def test_odd_indent(self):
        self.refused(GOOD.replace("  name", "   name"), 3, "indent")

    def test_member_of_a_primitive(self):
        self.refused(GOOD.replace("  rows []Row? = null", "  rows int32"), 5, "no struct")

    def test_bad_version(self):
        self.refused(GOOD.replace("uuid 1+", "uuid 1+2"), 5, "expected")

    def test_bad_head(self):
        self.refused(GOOD.replace("advertise", "advertize"), 1, "expected advertise")

    def test_array_that_the_cursors_lack(self):
        self.refused(GOOD.replace("name string", "name []uuid"), 3, "no arrays of uuid")

    def test_struct_without_fields(self):
        result, _ = generate(GOOD.replace("    id uuid 1+\n", ""))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("has no fields", result.stderr)


class Output(unittest.TestCase):
    def test_same_schema_same_output(self):
        self.assertEqual(generate(GOOD)[1]["msg_sample.c"], generate(GOOD)[1]["msg_sample.c"])

    def test_unchanged_files_are_not_written(self):
        schema = os.path.join(TOP, "proto/schema/fetch.schema")
        with tempfile.TemporaryDirectory() as folder:
            run("--out", folder, schema)
            before = os.stat(os.path.join(folder, "msg_fetch.c")).st_mtime_ns
            run("--out", folder, schema)
            self.assertEqual(os.stat(os.path.join(folder, "msg_fetch.c")).st_mtime_ns, before)

    def test_table_for_the_readme(self):
        result = run("--readme-table", "0,18")
        self.assertEqual(result.stdout.splitlines()[2:],
                         ["| 0 | Produce | 0-13 (served from 3) |", "| 18 | ApiVersions | 0-4 |"])
        self.assertIn("no API has the key 5", run("--readme-table", "5").stderr)


if __name__ == "__main__":
    unittest.main()
