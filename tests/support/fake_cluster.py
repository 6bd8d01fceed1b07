"""A cluster that exists in answers only, for what one broker cannot show: other brokers, replicas out of sync, no leader.

    with FakeCluster({"Metadata": {...}, "ListOffsets": function of the request}) as cluster:
        run(cluster.address, "cluster", "health")

One thread per connection, ended with the block. Produce and Fetch are told of, since no client goes on without, but not served.
"""

import socket
import struct
import threading

from tests.support.codec import Reader, Writer, api

VERSIONS = {
    "Metadata": 12, "ApiVersions": 4, "DescribeConfigs": 4, "ListOffsets": 7, "DescribeLogDirs": 4, "Produce": 9, "Fetch": 12,
}


class FakeCluster:
    def __init__(self, answers):
        """`answers`: by API, the fields of the response, or a function that makes them from the request's."""
        self.answers = dict(answers)
        self.answers["ApiVersions"] = {"api_keys": [
            {"api_key": api(name).key, "min_version": 0, "max_version": version} for name, version in VERSIONS.items()
        ]}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.address = f"{self.host}:{self.port}"
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return  # closed
            self.sockets.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            with conn, conn.makefile("rb") as stream:
                while head := stream.read(4):
                    conn.sendall(self._answer(stream.read(struct.unpack(">i", head)[0])))
        except OSError:
            pass  # the client, or the end of the test, closed it

    def _answer(self, frame):
        key, version, correlation, size = struct.unpack(">hhih", frame[:10])
        name = next(known for known in VERSIONS if api(known).key == key)
        schema = api(name)
        flexible = schema.flexible is not None and version >= schema.flexible
        at = 10 + max(size, 0) + (1 if flexible else 0)
        answer = self.answers[name]
        if callable(answer):
            answer = answer(Reader(frame[at:], version, flexible).fields(schema.request.root))
        writer = Writer(version, flexible)
        writer.fields(schema.response.root, answer)
        tags = b"\x00" if flexible and name != "ApiVersions" else b""
        body = struct.pack(">i", correlation) + tags + bytes(writer.out)
        return struct.pack(">i", len(body)) + body

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.listener.close()
        for conn in self.sockets:
            conn.close()
