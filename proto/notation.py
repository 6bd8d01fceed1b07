"""Reads the schema notation of proto/schema/ (described in proto/schema/README.md) into a small model.

A File holds Apis and Records; each has Messages; a Message is a tree of Structs and Fields. Every mistake in a schema
is reported as file:line and stops the build.
"""

import re

INT_SIZES = {"int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8}
FIXED_SIZES = dict(INT_SIZES, bool=1, float64=8, uuid=16)
VARIABLE = ("string", "bytes", "records")
PRIMITIVES = set(FIXED_SIZES) | set(VARIABLE)
ARRAY_PRIMITIVES = {"int8", "int16", "int32", "int64", "string"}  # as far as wire.h has them
OPEN = 32767  # upper end of "3+"


class SchemaError(Exception):
    pass


class Range:
    """Versions first to last, both included; last is OPEN for "3+"; empty when first > last."""

    def __init__(self, first, last):
        self.first = first
        self.last = last

    @classmethod
    def parse(cls, text):
        found = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not found:
            return None
        first = int(found.group(1))
        if found.group(2) is None:
            return cls(first, first)
        return cls(first, OPEN if found.group(2) == "+" else int(found.group(3)))

    def __str__(self):
        if self.last == OPEN:
            return "%d+" % self.first
        return str(self.first) if self.first == self.last else "%d-%d" % (self.first, self.last)


ALL = Range(0, OPEN)
NEVER = Range(1, 0)


class Field:
    """type: a primitive or the name of a struct; array: a sequence of it."""

    def __init__(self, name, type_name, array, nullable, versions, tag, default):
        self.name = name
        self.type = type_name
        self.array = array
        self.nullable = nullable  # Range where null is allowed, NEVER if it is not
        self.versions = versions
        self.tag = tag  # number or None
        self.default = default  # text behind "=" or None
        self.struct = None  # set when type names a struct

    @property
    def can_be_null(self):
        return self.nullable.first <= self.nullable.last


class Struct:
    def __init__(self, name):
        self.name = name  # Kafka's, "PartitionProduceData"; the message itself: None
        self.fields = []

    @property
    def plain_fields(self):
        return [f for f in self.fields if f.tag is None]

    @property
    def tagged_fields(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)


class Message:
    """A request, a response or a record: `name` is snake case without the proto_ in front."""

    def __init__(self, name, versions, flexible):
        self.name = name
        self.versions = versions
        self.flexible = flexible  # first flexible version, None = never
        self.root = Struct(None)
        self.structs = {}  # by name, in the order they are needed (members before owners)


class Api:
    def __init__(self, key, name, advertised, served, flexible):
        self.key = key
        self.kafka_name = name
        self.name = snake(name)
        self.advertised = advertised  # NEVER if Kafka does not advertise it
        self.served = served
        self.flexible = flexible
        self.request = Message(self.name + "_request", served, flexible)
        self.response = Message(self.name + "_response", served, flexible)


class Record:
    def __init__(self, name, versions, flexible, type_number, golden):
        self.kafka_name = name
        self.name = snake(name)
        self.type = type_number  # number of the record type in its log, or None
        self.golden = golden  # whether a class of Kafka's writes it, so that there are golden bytes
        self.message = Message(self.name, versions, flexible)


class File:
    """One schema file: either one API or some records."""

    def __init__(self, name):
        self.name = name  # "offset_commit"
        self.apis = []
        self.records = []

    @property
    def messages(self):
        pairs = [m for a in self.apis for m in (a.request, a.response)]
        return pairs + [r.message for r in self.records]


def snake(name):
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def camel(name):
    """Kafka's name of a field, as its JSON has it: group_id -> groupId."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


class Parser:
    def __init__(self, path, name):
        self.path = path
        self.file = File(name)
        self.message = None
        self.owners = []  # struct that a line of this depth adds its field to
        self.line_number = 0

    def fail(self, text):
        raise SchemaError("%s:%d: %s" % (self.path, self.line_number, text))

    def parse(self):
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                self.line_number += 1
                text = line.split("#", 1)[0].rstrip()
                if text:
                    self.parse_line(text)
        for message in self.file.messages:
            self.resolve(message)
        return self.file

    def parse_line(self, text):
        indent = len(text) - len(text.lstrip(" "))
        words = text.split()
        if indent % 2:
            self.fail("indent is two spaces per level")
        if indent == 0:
            self.parse_head(words)
        elif self.message is None:
            self.fail("a field outside request, response or record")
        else:
            self.parse_field(indent // 2, words)

    def parse_head(self, words):
        if words[0] == "api":
            self.parse_api(words)
        elif words[0] == "record":
            self.parse_record(words)
        elif words[0] in ("request", "response") and len(words) == 1 and self.file.apis:
            self.begin(getattr(self.file.apis[-1], words[0]))
        else:
            self.fail("expected api, request, response or record")

    def begin(self, message):
        self.message = message
        self.owners = [None, message.root]

    def options(self, words, wanted):
        if len(words) % 2 or any(w not in wanted for w in words[::2]):
            self.fail("expected %s, each with a value" % ", ".join(wanted))
        return dict(zip(words[::2], words[1::2]))

    def range_of(self, options, word):
        if options.get(word) == "none":
            return NEVER
        found = Range.parse(options.get(word, ""))
        if found is None:
            self.fail("%s needs a range of versions" % word)
        return found

    def flexible_of(self, options):
        if options.get("flexible") == "never":
            return None
        return self.range_of(options, "flexible").first

    def parse_api(self, words):
        if len(words) < 3 or not words[1].isdigit():
            self.fail("api KEY NAME")
        options = self.options(words[3:], ("advertise", "serve", "flexible"))
        self.file.apis.append(Api(int(words[1]), words[2], self.range_of(options, "advertise"),
                                  self.range_of(options, "serve"), self.flexible_of(options)))
        self.message = None

    def parse_record(self, words):
        if len(words) < 2:
            self.fail("record NAME")
        options = self.options(words[2:], ("versions", "flexible", "type", "golden"))
        if options.get("golden", "none") != "none":
            self.fail("golden none, or nothing")
        record = Record(words[1], self.range_of(options, "versions"), self.flexible_of(options),
                        options.get("type"), "golden" not in options)
        self.file.records.append(record)
        self.begin(record.message)

    def parse_field(self, depth, words):
        if depth >= len(self.owners) or self.owners[depth] is None:
            self.fail("no struct opens this level")
        del self.owners[depth + 1:]
        if words[0] == "struct":
            if depth != 1 or len(words) != 2:
                self.fail("struct NAME, directly inside a message")
            self.owners.append(self.define(words[1]))
            return
        field = self.field_of(words)
        self.owners[depth].fields.append(field)
        # A struct is defined by the fields indented under the first field of its type, if there are any.
        self.owners.append(None if field.type in PRIMITIVES else self.define(field.type))

    def define(self, name):
        return self.message.structs.setdefault(name, Struct(name))

    def field_of(self, words):
        if len(words) < 2:
            self.fail("expected NAME TYPE")
        found = re.fullmatch(r"(\[\])?([A-Za-z]\w*)(\?(\d\S*)?)?", words[1])
        if not found or not re.fullmatch(r"[a-z]\w*", words[0]):
            self.fail("bad name or type: %s %s" % (words[0], words[1]))
        array, type_name, null, null_versions = found.groups()
        if type_name not in PRIMITIVES and not type_name[0].isupper():
            self.fail("no such type: " + type_name)
        if array and type_name in PRIMITIVES - ARRAY_PRIMITIVES:
            self.fail("wire.h has no arrays of " + type_name)
        nullable = NEVER if null is None else Range.parse(null_versions) if null_versions else ALL
        if nullable is None:
            self.fail("bad versions behind ?")
        rest, default = words[2:], None
        if "=" in rest:
            at = rest.index("=")
            rest, default = rest[:at], " ".join(rest[at + 1:])
        tag = None
        if rest and rest[0].startswith("@"):
            tag = int(rest.pop(0)[1:])
        versions = Range.parse(rest.pop(0)) if rest else ALL
        if versions is None or rest:
            self.fail("expected [@TAG] [VERSIONS] [= DEFAULT]")
        return Field(words[0], type_name, array is not None, nullable, versions, tag, default)

    def resolve(self, message):
        """Connect fields to their structs and order the structs so that members come before their owners."""
        done = []

        def visit(struct):
            for field in struct.fields:
                if field.type in PRIMITIVES:
                    continue
                field.struct = message.structs[field.type]
                if not field.struct.fields:
                    self.fail("%s: struct %s has no fields" % (message.name, field.type))
                if field.struct not in done:
                    visit(field.struct)
                    done.append(field.struct)

        visit(message.root)
        message.structs = {s.name: s for s in done}


def load(path, name):
    return Parser(path, name).parse()
