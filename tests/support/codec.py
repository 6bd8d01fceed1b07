"""The whole protocol for tests: requests and responses as dictionaries, from the same schemas as the C codec.

    with Client(server.host, server.port) as client:
        answer = client.ask("CreateTopics", 7, {"topics": [{"name": "t", "num_partitions": 1, "replication_factor": 1}]})

A field that is left out has its default. Independent of the generated C code: it reads proto/schema/ itself.
"""

import pathlib
import socket
import struct
import sys
import threading
import uuid

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "proto"))

import notation  # noqa: E402

PACKED = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float64": ">d",
          "bool": ">?"}
_apis = {}
_apis_lock = threading.Lock()


def api(name):
    """The schema of one API by Kafka's name."""
    with _apis_lock:
        if not _apis:
            for path in sorted((TOP / "proto" / "schema").glob("*.schema")):
                for found in notation.Parser(str(path), path.stem).parse().apis:
                    _apis[found.kafka_name] = found
    return _apis[name]


def _within(versions, version):
    return versions.first <= version <= versions.last


def uvarint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def default_of(field):
    if field.default is not None:
        if field.default == "null":
            return None
        if field.type in PACKED:
            return {"true": True, "false": False}.get(field.default) if field.type == "bool" else int(field.default, 0)
        return field.default
    if field.array:
        return []
    if field.type == "string":
        return ""
    if field.type in ("bytes", "records"):
        return None if field.can_be_null else b""
    if field.type == "uuid":
        return uuid.UUID(int=0)
    return {} if field.struct else False if field.type == "bool" else 0


class Writer:
    def __init__(self, version, flexible):
        self.version, self.flexible, self.out = version, flexible, bytearray()

    def size(self, number, old):
        """A length or count; None: null."""
        if self.flexible:
            self.out += uvarint(0 if number is None else number + 1)
        else:
            self.out += struct.pack(old, -1 if number is None else number)

    def one(self, field, value):
        if field.type in PACKED:
            self.out += struct.pack(PACKED[field.type], value)
        elif field.type == "uuid":
            self.out += value.bytes
        elif field.type == "string":
            data = None if value is None else value if isinstance(value, bytes) else value.encode()
            self.size(None if data is None else len(data), ">h")
            self.out += data or b""
        elif field.type in ("bytes", "records"):
            self.size(None if value is None else len(value), ">i")
            self.out += value or b""
        else:
            self.fields(field.struct, value)

    def field(self, field, value):
        if field.array:
            self.size(None if value is None else len(value), ">i")
            for item in value or []:
                self.one(field, item)
        elif field.struct is not None and field.can_be_null:
            self.out += b"\xff" if value is None else b"\x01"
            if value is not None:
                self.one(field, value)
        else:
            self.one(field, value)

    def fields(self, owner, values):
        unknown = set(values) - {field.name for field in owner.fields}
        assert not unknown, f"no such fields: {unknown}"
        for field in owner.plain_fields:
            if _within(field.versions, self.version):
                self.field(field, values.get(field.name, default_of(field)))
        if self.flexible:
            self.out += b"\x00"


class Reader:
    def __init__(self, data, version, flexible):
        self.data, self.version, self.flexible, self.at = data, version, flexible, 0

    def take(self, size):
        assert 0 <= size <= len(self.data) - self.at, "answer is too short"
        self.at += size
        return self.data[self.at - size:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        number, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def size(self, old):
        return self.uvarint() - 1 if self.flexible else self.unpack(old)

    def one(self, field):
        if field.type in PACKED:
            return self.unpack(PACKED[field.type])
        if field.type == "uuid":
            return uuid.UUID(bytes=bytes(self.take(16)))
        if field.type in ("string", "bytes", "records"):
            size = self.size(">h" if field.type == "string" else ">i")
            data = None if size < 0 else bytes(self.take(size))
            return data.decode() if field.type == "string" and data is not None else data
        return self.fields(field.struct)

    def field(self, field):
        if field.array:
            count = self.size(">i")
            return None if count < 0 else [self.one(field) for _ in range(count)]
        if field.struct is not None and field.can_be_null:
            return None if self.unpack(">b") < 0 else self.one(field)
        return self.one(field)

    def tags(self, owner, values):
        for _ in range(self.uvarint()):
            tag, size = self.uvarint(), self.uvarint()
            end = self.at + size
            for field in owner.tagged_fields:
                if field.tag == tag and _within(field.versions, self.version):
                    values[field.name] = self.field(field)
            self.at = end

    def fields(self, owner):
        values = {field.name: default_of(field) for field in owner.fields}
        for field in owner.plain_fields:
            if _within(field.versions, self.version):
                values[field.name] = self.field(field)
        if self.flexible:
            self.tags(owner, values)
        return values


class Client:
    """One connection; one request at a time."""

    def __init__(self, host, port, timeout=30):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.correlation = 0

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("closed by the server")
            data += more
        return data

    def ask(self, name, version, values=None):
        """Send one request, return the decoded answer."""
        schema = api(name)
        flexible = schema.flexible is not None and version >= schema.flexible
        self.correlation += 1
        head = struct.pack(">hhih", schema.key, version, self.correlation, 4) + b"test" + (b"\x00" if flexible else b"")
        writer = Writer(version, flexible)
        writer.fields(schema.request.root, values or {})
        frame = head + bytes(writer.out)
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        answer = self._read(struct.unpack(">i", self._read(4))[0])
        reader = Reader(answer, version, flexible)
        assert reader.unpack(">i") == self.correlation
        if flexible and schema.key != 18:
            assert reader.uvarint() == 0  # no tagged fields in the header
        result = reader.fields(schema.response.root)
        assert reader.at == len(answer), f"{len(answer) - reader.at} bytes left over"
        return result
