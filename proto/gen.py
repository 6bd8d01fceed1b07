#!/usr/bin/env python3
"""Makes the codec's C from proto/schema/: structs, init, decode, size and encode of every message, and api_list.h.

    gen.py --out DIR SCHEMA...       msg_<name>.h and .c for each schema, messages.h, api_list.h
    gen.py --readme-table KEY,KEY...  markdown table of these APIs and the versions that Kafka advertises

Files that would not change are not written, so that a build redoes only what it must. See proto/schema/README.md for
the notation and for what comes out.
"""

import argparse
import os
import re
import sys

import notation
from notation import FIXED_SIZES, INT_SIZES, OPEN

C_TYPES = {
    "bool": "bool", "float64": "double", "uuid": "struct proto_uuid",
    "string": "struct lt_slice", "bytes": "struct lt_slice", "records": "struct proto_records",
}
C_TYPES.update({name: name + "_t" for name in INT_SIZES})


def c_bool(value):
    return "true" if value else "false"


class StructWriter:
    """C of one struct of one message."""

    def __init__(self, message, struct):
        self.message = message
        self.struct = struct
        self.short = struct_name(message, struct)
        self.c_type = "struct proto_" + self.short

    # -- conditions on the version

    def condition(self, versions):
        """C condition that is true in `versions`, given that the message has the version; None = always."""
        parts = []
        if versions.first > self.message.versions.first:
            parts.append("version >= %d" % versions.first)
        if versions.last < self.message.versions.last:
            parts.append("version <= %d" % versions.last)
        return " && ".join(parts) or None

    def flexible(self):
        first = self.message.flexible
        if first is None:
            return "false"
        return "true" if first <= self.message.versions.first else "version >= %d" % first

    def nullable(self, field):
        if not field.can_be_null:
            return "false"
        return self.condition(field.nullable) or "true"

    # -- declarations

    def declare(self, out):
        out.append("%s {" % self.c_type)
        if not self.struct.fields:
            out.append("    uint8_t unused; /* no version has a field */")
        for field in self.struct.fields:
            out.append("    %s;%s" % (self.member(field), self.member_note(field)))
            if field.array:
                out.append("    int32_t %s_count;" % field.name)
        out += ["};", ""]

    def member(self, field):
        c_type = C_TYPES.get(field.type) or "struct proto_" + struct_name(self.message, field.struct)
        pointer = field.array or (field.struct is not None and field.can_be_null)
        return "%s %s%s" % (c_type, "*" if pointer else "", field.name)

    def member_note(self, field):
        notes = []
        if (field.versions.first, field.versions.last) != (0, OPEN):
            notes.append("versions %s" % field.versions)
        if field.tag is not None:
            notes.append("tag %d" % field.tag)
        if field.can_be_null:
            only = "" if field.nullable is notation.ALL else " in %s" % field.nullable
            notes.append("may be null" + only)
        return "  /* %s */" % ", ".join(notes) if notes else ""

    # -- defaults

    def default_value(self, field):
        """C initialiser of the field's default; None when all zero bits are it."""
        text = field.default
        if field.array or field.struct is not None:
            return None
        if text == "null" or (field.type == "records" and field.can_be_null):
            return None
        if field.type in ("string", "bytes"):
            value = (text or '""').strip('"')
            return '{(const uint8_t *)"%s", %d}' % (value, len(value))
        if field.type == "records":
            return '{(const uint8_t *)"", 0, NULL}'
        if text is None:
            return None
        if field.type == "int64":
            return "INT64_MIN" if int(text, 0) == -2 ** 63 else "INT64_C(%d)" % int(text, 0)
        if field.type == "int32" and int(text, 0) == -2 ** 31:
            return "INT32_MIN"
        return str(int(text, 0)) if field.type in INT_SIZES else text

    def default_members(self):
        members = []
        for field in self.struct.fields:
            if field.array and field.default == "null":
                members.append(".%s_count = -1" % field.name)
            elif field.struct is not None and not field.array and not field.can_be_null:
                inner = StructWriter(self.message, field.struct).default_members()
                if inner:
                    members.append(".%s = {%s}" % (field.name, ", ".join(inner)))
            else:
                value = self.default_value(field)
                if value is not None:
                    members.append(".%s = %s" % (field.name, value))
        return members

    def init_function(self, out):
        members = self.default_members()
        out += ["void proto_%s_init(%s *ret)" % (self.short, self.c_type), "{"]
        if members:
            out.append("    static const %s defaults = {" % self.c_type)
            out += ["        %s," % member for member in members]
            out += ["    };", "    *ret = defaults;", "}", ""]
        else:
            out += ["    memset(ret, 0, sizeof(*ret));", "}", ""]

    def is_default(self, field, in_name):
        """C condition: the field has its default."""
        name = "%s->%s" % (in_name, field.name)
        if field.array:
            return "%s_count %s 0" % (name, "<" if field.default == "null" else "==")
        if field.struct is not None:
            if field.can_be_null:
                # Without a default of null it is a struct of defaults, and null has to be told.
                return "%s == NULL" % name if field.default == "null" else "false"
            return "is_default_%s(&%s)" % (struct_name(self.message, field.struct), name)
        if field.type in ("string", "bytes", "records"):
            return "%s.%s == %s" % ((name, "data", "NULL") if field.default == "null" else (name, "size", "0"))
        if field.type == "uuid":
            return "proto_uuid_is_zero(%s)" % name
        if field.type == "bool":
            return name if field.default == "true" else "!" + name
        return "%s == %s" % (name, self.default_value(field) or "0")

    def is_default_function(self, out):
        tests = [self.is_default(field, "in") for field in self.struct.fields]
        out += ["static bool is_default_%s(const %s *in)" % (self.short, self.c_type), "{",
                "    return %s;" % " &&\n           ".join(tests), "}", ""]

    # -- decoding

    def read_function(self, out, public):
        body = Body()
        body.line("proto_%s_init(ret);" % self.short)
        for field in self.struct.plain_fields:
            with body.block_if(self.condition(field.versions)):
                self.read_field(body, field, "ret->" + field.name)
        self.read_tags(body)
        if public:
            body.line("return r->err;")
        name = "int proto_%s_decode" % self.short if public else "static void read_%s" % self.short
        body.function(out, "%s(struct proto_reader *r, int16_t version, struct lt_arena *arena, %s *ret)"
                      % (name, self.c_type), ("version", "arena"), self.flexible())

    def read_field(self, body, field, target, tagged=False):
        nullable = self.nullable(field)
        if field.array:
            self.read_array(body, field, target, nullable)
        elif field.struct is not None:
            self.read_struct(body, field, target, nullable, tagged)
        elif field.type in FIXED_SIZES:
            body.line("%s = proto_read_%s(r);" % (target, field.type))
        else:
            body.line("%s = proto_read_%s(r, flexible, %s);" % (target, field.type, nullable))

    def read_array(self, body, field, target, nullable):
        if field.struct is None:
            body.line("%s = proto_read_%ss(r, arena, flexible, %s, &%s_count);"
                      % (target, field.type, nullable, target))
            return
        least = self.least_size(field)
        body.line("%s = proto_read_array(r, arena, flexible, %s, %s, sizeof(*%s), &%s_count);"
                  % (target, nullable, least, target, target))
        body.open("for (int32_t i = 0; i < %s_count && r->err == 0; i++)" % target)
        body.line("read_%s(r, version, arena, &%s[i]);" % (struct_name(self.message, field.struct), target))
        body.close()

    def least_size(self, field):
        """The fewest bytes that an element of this array takes, as a C expression."""
        old = least_struct_size(self.message, field.struct, False)
        new = least_struct_size(self.message, field.struct, True)
        if old == new or self.flexible() in ("true", "false"):
            return str(old if self.flexible() == "false" else new)
        return "flexible ? %d : %d" % (new, old)

    def read_struct(self, body, field, target, nullable, tagged):
        reader = "read_%s(r, version, arena, %s%s);"
        name = struct_name(self.message, field.struct)
        if nullable == "false":
            body.line(reader % (name, "&", target))
            return
        body.line("%s = proto_read_%sstruct(r, arena, sizeof(*%s));" % (target, "tagged_" if tagged else "", target))
        body.open("if (%s != NULL)" % target)
        body.line(reader % (name, "", target))
        body.close()

    def read_tags(self, body):
        if self.message.flexible is None:
            return
        with body.block_if(None if self.flexible() == "true" else "flexible"):
            if not self.struct.tagged_fields:
                body.line("proto_read_tags_skip(r);")
                return
            body.line("int32_t tag_count = proto_read_tag_count(r);")
            body.open("for (int32_t tag_index = 0; tag_index < tag_count && r->err == 0; tag_index++)")
            body.line("size_t tag_size;")
            body.line("uint32_t tag = proto_read_tag(r, &tag_size);")
            for number, field in enumerate(self.struct.tagged_fields):
                condition = self.condition(self.tag_versions(field))
                body.open(("else if (tag == %d)" if number else "if (tag == %d)") % field.tag, joined=number > 0)
                if condition:
                    # A tag before its time is no unknown tag: Kafka refuses it.
                    body.open("if (!(%s))" % condition)
                    body.line("proto_reader_fail(r, LEAT_EPROTOCOL);")
                    body.close()
                self.read_field(body, field, "ret->" + field.name, tagged=True)
                body.close()
            body.open("else", joined=True)
            body.line("proto_read_skip(r, tag_size);")
            body.close()
            body.close()

    def tag_versions(self, field):
        """A tag lives in the field's versions as far as they are flexible; the section is only read there."""
        first = field.versions.first
        return notation.Range(0 if first <= self.message.flexible else first, field.versions.last)

    # -- sizes

    def size_function(self, out, public):
        body = Body()
        body.line("size_t size = 0;")
        for field in self.struct.plain_fields:
            with body.block_if(self.condition(field.versions)):
                self.size_field(body, field, "in->" + field.name)
        if self.message.flexible is not None:
            with body.block_if(None if self.flexible() == "true" else "flexible"):
                self.size_tags(body)
        body.line("return size;")
        name = "size_t proto_%s_size" % self.short if public else "static size_t size_%s" % self.short
        body.function(out, "%s(const %s *in, int16_t version)" % (name, self.c_type),
                      ("version", "in"), self.flexible())

    def size_field(self, body, field, source, tagged=False):
        nullable = self.nullable(field)
        if field.array:
            self.size_array(body, field, source, nullable)
        elif field.struct is not None:
            self.size_struct(body, field, source, nullable, tagged)
        elif field.type in FIXED_SIZES:
            body.add("size", FIXED_SIZES[field.type])
        else:
            body.line("size += proto_size_%s(%s, flexible, %s);" % (field.type, source, nullable))

    def size_array(self, body, field, source, nullable):
        if field.struct is None and field.type in FIXED_SIZES:
            body.line("size += proto_size_fixed(%s_count, %d, flexible, %s);"
                      % (source, FIXED_SIZES[field.type], nullable))
            return
        if field.struct is None:
            body.line("size += proto_size_%ss(%s, %s_count, flexible, %s);" % (field.type, source, source, nullable))
            return
        body.line("size += proto_size_count(%s_count, flexible, %s);" % (source, nullable))
        body.open("for (int32_t i = 0; i < %s_count; i++)" % source)
        body.line("size += size_%s(&%s[i], version);" % (struct_name(self.message, field.struct), source))
        body.close()

    def size_struct(self, body, field, source, nullable, tagged):
        name = struct_name(self.message, field.struct)
        if nullable == "false":
            body.line("size += size_%s(&%s, version);" % (name, source))
            return
        body.add("size", 1)  # the marker, also inside a tag
        body.open("if (%s != NULL)" % source)
        body.line("size += size_%s(%s, version);" % (name, source))
        body.close()

    def size_tags(self, body):
        if not self.struct.tagged_fields:
            body.add("size", 1)
            return
        body.line("uint32_t tag_count = 0;")
        for field in self.struct.tagged_fields:
            body.open("if (%s)" % self.has_tag(field))
            body.line("size_t tag_size = %s;" % self.tag_size(field))
            body.line("tag_count++;")
            body.line("size += proto_uvarint_size(%d) + proto_uvarint_size((uint32_t)tag_size) + tag_size;" % field.tag)
            body.close()
        body.line("size += proto_uvarint_size(tag_count);")

    def has_tag(self, field):
        return "has_%s_%s(in, version)" % (self.short, field.name)

    def tag_size(self, field):
        if not field.array and field.type in FIXED_SIZES:
            return str(FIXED_SIZES[field.type])
        return "tag_size_%s_%s(in, version)" % (self.short, field.name)

    def tag_functions(self, out):
        for field in self.struct.tagged_fields:
            condition = self.condition(self.tag_versions(field))
            body = Body()
            absent = self.is_default(field, "in")
            test = None if absent == "false" else absent[1:] if absent.startswith("!") else "!(%s)" % absent
            body.line("return %s;" % (" && ".join(filter(None, (condition, test))) or "true"))
            body.function(out, "static bool has_%s_%s(const %s *in, int16_t version)"
                          % (self.short, field.name, self.c_type), ("version", "in"), "true")
            if not field.array and field.type in FIXED_SIZES:
                continue
            body = Body()
            body.line("size_t size = 0;")
            self.size_field(body, field, "in->" + field.name, tagged=True)
            body.line("return size;")
            body.function(out, "static size_t tag_size_%s_%s(const %s *in, int16_t version)"
                          % (self.short, field.name, self.c_type), ("version",), "true")

    # -- encoding

    def write_function(self, out, public):
        body = Body()
        for field in self.struct.plain_fields:
            with body.block_if(self.condition(field.versions)):
                self.write_field(body, field, "in->" + field.name)
        if self.message.flexible is not None:
            with body.block_if(None if self.flexible() == "true" else "flexible"):
                self.write_tags(body)
        name = "void proto_%s_encode" % self.short if public else "static void write_%s" % self.short
        body.function(out, "%s(const %s *in, int16_t version, struct proto_writer *w)" % (name, self.c_type),
                      ("version", "in", "w"), self.flexible())

    def write_field(self, body, field, source, tagged=False):
        nullable = self.nullable(field)
        if field.array:
            self.write_array(body, field, source, nullable)
        elif field.struct is not None:
            self.write_struct(body, field, source, nullable, tagged)
        elif field.type in FIXED_SIZES:
            body.line("proto_write_%s(w, %s);" % (field.type, source))
        else:
            body.line("proto_write_%s(w, %s, flexible, %s);" % (field.type, source, nullable))

    def write_array(self, body, field, source, nullable):
        if field.struct is None:
            body.line("proto_write_%ss(w, %s, %s_count, flexible, %s);" % (field.type, source, source, nullable))
            return
        body.line("(void)proto_write_count(w, %s_count, flexible, %s);" % (source, nullable))
        body.open("for (int32_t i = 0; i < %s_count; i++)" % source)
        body.line("write_%s(&%s[i], version, w);" % (struct_name(self.message, field.struct), source))
        body.close()

    def write_struct(self, body, field, source, nullable, tagged):
        name = struct_name(self.message, field.struct)
        if nullable == "false":
            body.line("write_%s(&%s, version, w);" % (name, source))
            return
        absent = 0 if tagged else -1
        body.line("proto_write_int8(w, %s == NULL ? %d : 1);" % (source, absent))
        body.open("if (%s != NULL)" % source)
        body.line("write_%s(%s, version, w);" % (name, source))
        body.close()

    def write_tags(self, body):
        if not self.struct.tagged_fields:
            body.line("proto_write_uvarint(w, 0);")
            return
        body.line("uint32_t tag_count = 0;")
        for field in self.struct.tagged_fields:
            body.line("tag_count += %s;" % self.has_tag(field))
        body.line("proto_write_uvarint(w, tag_count);")
        for field in self.struct.tagged_fields:
            body.open("if (%s)" % self.has_tag(field))
            body.line("proto_write_uvarint(w, %d);" % field.tag)
            body.line("proto_write_uvarint(w, (uint32_t)%s);" % self.tag_size(field))
            self.write_field(body, field, "in->" + field.name, tagged=True)
            body.close()


class Body:
    """Statements of a function, indented; knows which of the names it uses."""

    def __init__(self):
        self.lines = []
        self.depth = 1
        self.sum = None  # (indent, variable, constant) of an addition that later ones join

    def flush(self):
        if self.sum:
            depth, variable, amount = self.sum
            self.sum = None
            self.lines.append("    " * depth + "%s += %d;" % (variable, amount))

    def line(self, text):
        self.flush()
        self.lines.append("    " * self.depth + text)

    def add(self, variable, amount):
        if self.sum and self.sum[:2] == (self.depth, variable):
            amount += self.sum[2]
        else:
            self.flush()
        self.sum = (self.depth, variable, amount)

    def open(self, head, joined=False):
        self.flush()
        if joined:
            self.lines[-1] += " %s {" % head
        else:
            self.lines.append("    " * self.depth + head + " {")
        self.depth += 1

    def close(self):
        self.flush()
        self.depth -= 1
        self.lines.append("    " * self.depth + "}")

    def block_if(self, condition):
        return Block(self, condition)

    def function(self, out, head, unused_names, flexible):
        self.flush()
        text = "\n".join(self.lines)
        if "flexible" in text:
            text = "    const bool flexible = %s;\n\n%s" % (flexible, text)
        for name in unused_names:
            if not uses(text, name):
                text = "    (void)%s;\n%s" % (name, text)
        out += [head, "{", text, "}", ""]


class Block:
    """`if (condition) { ... }`, or nothing around it when the condition always holds."""

    def __init__(self, body, condition):
        self.body = body
        self.condition = condition

    def __enter__(self):
        if self.condition:
            # Neighbours of the same versions share one block.
            last = self.body.lines[-1] if self.body.lines else ""
            head = "if (%s)" % self.condition
            if self.body.sum is None and last == "    " * self.body.depth + "}" and self.reopen(head):
                self.body.lines.pop()
                self.body.depth += 1
            else:
                self.body.open(head)

    def reopen(self, head):
        """Whether the block that just ended began with the same head."""
        prefix = "    " * self.body.depth
        for line in reversed(self.body.lines[:-1]):
            if line.startswith(prefix) and not line.startswith(prefix + " "):
                return line == prefix + head + " {"
        return False

    def __exit__(self, *error):
        if self.condition:
            self.body.close()


def uses(text, name):
    """Whether the C text uses this variable (not just a member or a text of that name)."""
    return re.search(r"(?<!->)(?<!\")\b%s\b" % name, text) is not None


def struct_name(message, struct):
    return message.name if struct.name is None else message.name + "_" + notation.snake(struct.name)


def least_struct_size(message, struct, flexible):
    """The fewest bytes that the struct takes in any version of the message that is (not) flexible; at least 1."""
    sizes = []
    last = message.versions.last
    for version in range(message.versions.first, last + 1):
        if flexible == (message.flexible is not None and version >= message.flexible):
            sizes.append(sum(least_field_size(message, f, flexible) for f in struct.plain_fields
                             if f.versions.first <= version <= f.versions.last) + (1 if flexible else 0))
    return max(1, min(sizes, default=1))


def least_field_size(message, field, flexible):
    if field.array:
        return 1 if flexible else 4
    if field.struct is not None:
        return 1 if field.can_be_null else least_struct_size(message, field.struct, flexible)
    if field.type in FIXED_SIZES:
        return FIXED_SIZES[field.type]
    if flexible:
        return 1
    return 2 if field.type == "string" else 4


# ---------------------------------------------------------------- files

def writers(message):
    """Members before their owners, the message itself last."""
    return [StructWriter(message, s) for s in list(message.structs.values()) + [message.root]]


def head_comment(schema, what):
    return ["/* Made from proto/schema/%s.schema by proto/gen.py; do not edit." % schema.name,
            " *", " * %s" % what, " * Contract of the functions: proto/schema/README.md. Threads: any; no state. */"]


def describe(schema):
    lines = ["%s (%d), versions %s, advertised %s." %
             (a.kafka_name, a.key, a.served, a.advertised if a.advertised is not notation.NEVER else "by none")
             for a in schema.apis]
    return " ".join(lines) or "Records: %s." % ", ".join(r.kafka_name for r in schema.records)


def header_text(schema):
    guard = "PROTO_MSG_%s_H" % schema.name.upper()
    out = head_comment(schema, describe(schema))
    out += ["#ifndef " + guard, "#define " + guard, "", '#include "proto/wire.h"', ""]
    for record in schema.records:
        prefix = "PROTO_" + record.name.upper()
        out += ["#define %s_VERSION_MIN %d" % (prefix, record.message.versions.first),
                "#define %s_VERSION_MAX %d" % (prefix, record.message.versions.last)]
        if record.type is not None:
            out.append("#define %s_TYPE %s" % (prefix, record.type))
        out.append("")
    for message in schema.messages:
        for writer in writers(message):
            writer.declare(out)
        for writer in writers(message):
            out.append("void proto_%s_init(%s *ret);" % (writer.short, writer.c_type))
        c_type = "struct proto_" + message.name
        out += ["int proto_%s_decode(struct proto_reader *r, int16_t version, struct lt_arena *arena, %s *ret);"
                % (message.name, c_type),
                "size_t proto_%s_size(const %s *in, int16_t version);" % (message.name, c_type),
                "void proto_%s_encode(const %s *in, int16_t version, struct proto_writer *w);"
                % (message.name, c_type), ""]
    return "\n".join(out + ["#endif", ""])


def source_text(schema):
    out = head_comment(schema, describe(schema))
    out += ['#include "proto/msg_%s.h"' % schema.name, ""]
    for message in schema.messages:
        embedded = {f.type for s in list(message.structs.values()) + [message.root] for f in s.tagged_fields
                    if f.struct is not None and not f.array and not f.can_be_null}
        for writer in writers(message):
            public = writer.struct.name is None
            writer.init_function(out)
            if writer.struct.name in embedded:
                writer.is_default_function(out)
            writer.read_function(out, public)
            writer.tag_functions(out)
            writer.size_function(out, public)
            writer.write_function(out, public)
    return "\n".join(out)


def api_list_text(schemas):
    out = ["/* Made from proto/schema/ by proto/gen.py; do not edit.", " *",
           " * XX(NAME, name, key, \"Kafka's name\", advertised min, max, served min, max, first flexible version)",
           " * for every API, ascending key. Not advertised: 0, -1. Never flexible: INT16_MAX.",
           " * PROTO_RECORD_LIST: XX(NAME, name, \"Kafka's name\", version min, max).", " * Threads: constant. */",
           "#ifndef PROTO_API_LIST_H", "#define PROTO_API_LIST_H", "", "#define PROTO_API_LIST(XX) \\"]
    rows = []
    for api in sorted((a for s in schemas for a in s.apis), key=lambda a: a.key):
        advertised = (0, -1) if api.advertised is notation.NEVER else (api.advertised.first, api.advertised.last)
        flexible = "INT16_MAX" if api.flexible is None else str(api.flexible)
        rows.append('    XX(%s, %s, %d, "%s", %d, %d, %d, %d, %s)' % (
            api.name.upper(), api.name, api.key, api.kafka_name, advertised[0], advertised[1],
            api.served.first, api.served.last, flexible))
    out += [" \\\n".join(rows), "", "#define PROTO_RECORD_LIST(XX) \\"]
    rows = ['    XX(%s, %s, "%s", %d, %d)' % (r.name.upper(), r.name, r.kafka_name, r.message.versions.first,
                                              r.message.versions.last) for s in schemas for r in s.records]
    out += [" \\\n".join(rows), "", "#endif", ""]
    return "\n".join(out)


def messages_text(schemas):
    out = ["/* Made by proto/gen.py; do not edit.", " *", " * Every message of the protocol. */",
           "#ifndef PROTO_MESSAGES_H", "#define PROTO_MESSAGES_H", ""]
    out += ['#include "proto/msg_%s.h"' % schema.name for schema in schemas]
    return "\n".join(out + ["", "#endif", ""])


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as new:
        new.write(text)


def check_unique(schemas):
    seen = {}
    for api in (a for s in schemas for a in s.apis):
        if seen.setdefault(api.key, api.name) != api.name:
            raise notation.SchemaError("key %d is both %s and %s" % (api.key, seen[api.key], api.name))


def readme_table(schemas, keys):
    apis = {a.key: a for s in schemas for a in s.apis}
    rows = ["| key | API | versions |", "|--:|---|---|"]
    for key in keys:
        if key not in apis:
            raise notation.SchemaError("no API has the key %d" % key)
        api = apis[key]
        note = "" if api.served.first <= api.advertised.first else " (served from %d)" % api.served.first
        rows.append("| %d | %s | %s%s |" % (key, api.kafka_name, api.advertised, note))
    return "\n".join(rows) + "\n"


def load_all(paths):
    schemas = [notation.load(p, os.path.splitext(os.path.basename(p))[0]) for p in sorted(paths)]
    check_unique(schemas)
    return schemas


def main():
    parser = argparse.ArgumentParser(description="Makes the protocol codec from its schemas.")
    parser.add_argument("--out", metavar="DIR", help="write the C files there")
    parser.add_argument("--readme-table", metavar="KEYS", help="print the table of these API keys (commas)")
    parser.add_argument("schemas", nargs="*", help="default: all in proto/schema/")
    options = parser.parse_args()
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema")
    paths = options.schemas or [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".schema")]
    try:
        schemas = load_all(paths)
        if options.readme_table:
            sys.stdout.write(readme_table(schemas, [int(k) for k in options.readme_table.split(",")]))
    except notation.SchemaError as error:
        sys.exit(str(error))
    if options.out:
        for schema in schemas:
            write_if_changed(os.path.join(options.out, "msg_%s.h" % schema.name), header_text(schema))
            write_if_changed(os.path.join(options.out, "msg_%s.c" % schema.name), source_text(schema))
        write_if_changed(os.path.join(options.out, "api_list.h"), api_list_text(schemas))
        write_if_changed(os.path.join(options.out, "messages.h"), messages_text(schemas))


if __name__ == "__main__":
    main()
