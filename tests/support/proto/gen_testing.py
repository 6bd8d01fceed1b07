#!/usr/bin/env python3
"""Makes the table of test_messages (messages.h) from proto/schema/: print and fill functions of every message.

    gen_testing.py --out FILE SCHEMA...
    gen_testing.py --names SCHEMA...      the messages that Kafka has classes for, for the program that writes golden bytes
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../proto"))

import gen  # noqa: E402
import notation  # noqa: E402

INT_WIDTHS = {name: size * 8 for name, size in notation.INT_SIZES.items()}


class TestWriter(gen.StructWriter):
    """dump_ and fill_ functions of one struct."""

    def dump_function(self, out):
        body = gen.Body()
        body.line("test_dump_open(out, '{');")
        for field in self.struct.fields:
            with body.block_if(self.condition(field.versions)):
                body.line('test_dump_name(out, "%s");' % notation.camel(field.name))
                self.dump_field(body, field, "in->" + field.name)
        body.line("test_dump_close(out, '}');")
        body.function(out, "static void dump_%s(struct lt_buf *out, const void *any, int16_t version)" % self.short,
                      ("version", "in"), None)
        out.insert(len(out) - 3, "    const %s *in = any;" % self.c_type)

    def dump_field(self, body, field, source):
        if field.array:
            self.dump_array(body, field, source)
        elif field.struct is not None and field.can_be_null:
            body.open("if (%s == NULL)" % source)
            body.line("test_dump_null(out);")
            body.close()
            body.open("else", joined=True)
            self.dump_one(body, field, source)
            body.close()
        else:
            self.dump_one(body, field, source if field.struct is None else "&" + source)

    def dump_one(self, body, field, source):
        if field.struct is not None:
            body.line("dump_%s(out, %s, version);" % (gen.struct_name(self.message, field.struct), source))
        else:
            body.line("test_dump_%s(out, %s);" % ("int" if field.type in INT_WIDTHS else field.type, source))

    def dump_array(self, body, field, source):
        body.open("if (%s_count < 0)" % source)
        body.line("test_dump_null(out);")
        body.close()
        body.open("else", joined=True)
        body.line("test_dump_open(out, '[');")
        body.open("for (int32_t i = 0; i < %s_count; i++)" % source)
        self.dump_one(body, field, ("&%s[i]" if field.struct is not None else "%s[i]") % source)
        body.close()
        body.line("test_dump_close(out, ']');")
        body.close()

    def fill_function(self, out):
        body = gen.Body()
        body.line("proto_%s_init(ret);" % self.short)
        for field in self.struct.fields:
            with body.block_if(self.condition(field.versions)):
                self.fill_field(body, field, "ret->" + field.name)
        body.function(out, "static void fill_%s(struct test_filler *filler, void *any, int16_t version)" % self.short,
                      ("version", "filler"), None)
        out.insert(len(out) - 3, "    %s *ret = any;" % self.c_type)

    def fill_field(self, body, field, target):
        nullable = self.nullable(field)
        if field.array:
            body.line("%s_count = test_fill_count(filler, %s);" % (target, nullable))
            body.line("%s = test_fill_memory(filler, %s_count, sizeof(*%s));" % (target, target, target))
            body.open("for (int32_t i = 0; i < %s_count; i++)" % target)
            self.fill_one(body, field, target + "[i]", "false", "&")
            body.close()
        elif field.struct is not None and field.can_be_null:
            body.line("%s = test_fill_memory(filler, test_fill_bool(filler), sizeof(*%s));" % (target, target))
            body.open("if (%s != NULL)" % target)
            self.fill_one(body, field, target, "false", "")
            body.close()
        else:
            self.fill_one(body, field, target, nullable, "&")

    def fill_one(self, body, field, target, nullable, address):
        if field.struct is not None:
            name = gen.struct_name(self.message, field.struct)
            body.line("fill_%s(filler, %s%s, version);" % (name, address, target))
        elif field.type in INT_WIDTHS:
            signed = gen.c_bool(not field.type.startswith("u"))
            body.line("%s = (%s)test_fill_int(filler, %d, %s);"
                      % (target, gen.C_TYPES[field.type], INT_WIDTHS[field.type], signed))
        elif field.type in notation.VARIABLE:
            body.line("%s = test_fill_%s(filler, %s);" % (target, field.type, nullable))
        else:
            body.line("%s = test_fill_%s(filler);" % (target, field.type))


def erased_codec(message, out):
    name, c_type = message.name, "struct proto_" + message.name
    out += ["static void init_%s(void *ret)" % name, "{", "    proto_%s_init(ret);" % name, "}", "",
            "static int decode_%s(struct proto_reader *r, int16_t version, struct lt_arena *arena, void *ret)" % name,
            "{", "    return proto_%s_decode(r, version, arena, ret);" % name, "}", "",
            "static size_t size_%s(const void *in, int16_t version)" % name,
            "{", "    return proto_%s_size(in, version);" % name, "}", "",
            "static void encode_%s(const void *in, int16_t version, struct proto_writer *w)" % name,
            "{", "    proto_%s_encode(in, version, w);" % name, "}", ""]
    return "{sizeof(%s), init_%s, decode_%s, size_%s, encode_%s}" % (c_type, name, name, name, name)


def kafka_names(schema):
    """(name, whether there are golden bytes), in the order of schema.messages."""
    names = [(a.kafka_name + suffix, True) for a in schema.apis for suffix in ("Request", "Response")]
    return names + [(r.kafka_name, r.golden) for r in schema.records]


def source_text(schemas):
    out = ["/* Made from proto/schema/ by tests/support/proto/gen_testing.py; do not edit. */",
           '#include "proto/messages.h"', '#include "tests/support/proto/messages.h"', ""]
    rows = []
    for schema in schemas:
        for (kafka_name, golden), message in zip(kafka_names(schema), schema.messages):
            for struct in list(message.structs.values()) + [message.root]:
                writer = TestWriter(message, struct)
                writer.dump_function(out)
                writer.fill_function(out)
            rows.append('    {"%s", %s, %d, %d, %s, dump_%s, fill_%s},' % (
                kafka_name, gen.c_bool(golden), message.versions.first, message.versions.last, erased_codec(message, out),
                message.name, message.name))
    out += ["const struct test_message test_messages[] = {"] + rows + ["};", "",
            "const size_t test_message_count = sizeof(test_messages) / sizeof(test_messages[0]);", ""]
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description="Makes the test table of the protocol's messages.")
    parser.add_argument("--out", metavar="FILE")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("schemas", nargs="+")
    options = parser.parse_args()
    schemas = gen.load_all(options.schemas)
    if options.names:
        print("\n".join(name for schema in schemas for name, golden in kafka_names(schema) if golden))
    if options.out:
        gen.write_if_changed(options.out, source_text(schemas))


if __name__ == "__main__":
    main()
