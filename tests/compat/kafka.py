"""Apache Kafka itself, from its published Maven artifacts: its command line tools, and a broker to compare with.

    python3 -m tests.compat.kafka tool org.apache.kafka.tools.TopicCommand --bootstrap-server HOST:PORT --list
    python3 -m tests.compat.kafka broker          starts one, prints its address and pid, runs until Ctrl-C

Needs a JDK (17 or newer) and Maven; the jars are kept in ~/.cache/leat-kafka (LEAT_KAFKA_CACHE).
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

VERSION = "4.3.1"
CACHE = pathlib.Path(os.environ.get("LEAT_KAFKA_CACHE", pathlib.Path.home() / ".cache" / "leat-kafka")) / VERSION

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>leat</groupId><artifactId>kafka-tools</artifactId><version>1</version><packaging>pom</packaging><dependencies>
{}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>\n"
ARTIFACTS = [
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.3"),
    ("org.apache.logging.log4j", "log4j-core", "2.25.3"),
]
LOGGING = "status=error\nappender.c.type=Console\nappender.c.name=C\nappender.c.target=SYSTEM_ERR\nrootLogger.level=ERROR\nrootLogger.appenderRef.c.ref=C\n"


def available():
    return bool(shutil.which("java") and shutil.which("mvn"))


def jars():
    """The directory with the jars, fetched by Maven the first time."""
    if not (CACHE / "complete").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "pom.xml").write_text(POM.format("".join(DEPENDENCY.format(*a) for a in ARTIFACTS)))
        subprocess.run(
            ["mvn", "-q", "-B", "-f", str(CACHE / "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime",
             f"-DoutputDirectory={CACHE}"],
            check=True, stdout=sys.stderr,
        )
        (CACHE / "log4j2.properties").write_text(LOGGING)
        (CACHE / "complete").touch()
    return CACHE


def command(main_class, *args, heap="256m"):
    path = jars()
    return ["java", f"-Xmx{heap}", f"-Dlog4j2.configurationFile={path}/log4j2.properties", "-cp", f"{path}/*", main_class, *args]


def tool(main_class, *args, check=True):
    """Run one of Kafka's command line classes; returns what it printed."""
    done = subprocess.run(command(main_class, *args), capture_output=True, text=True, timeout=180, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{main_class} {args}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A fresh one-node Kafka in a temporary directory."""

    def __init__(self, settings=None):
        self.data = tempfile.mkdtemp(prefix="kafka-peer-")
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        lines = {
            "process.roles": "broker,controller", "node.id": 1, "log.dirs": f"{self.data}/data",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}", "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "offsets.topic.replication.factor": 1, "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1, "group.initial.rebalance.delay.ms": 0, **(settings or {}),
        }
        config = f"{self.data}/server.properties"
        pathlib.Path(config).write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        cluster = tool("kafka.tools.StorageTool", "random-uuid").split()[0]
        tool("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", config)
        self.process = subprocess.Popen(command("kafka.Kafka", config, heap="1g"), stdout=subprocess.DEVNULL)
        self._wait(port)

    def _wait(self, port):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--list")
                return
            except (OSError, AssertionError):
                time.sleep(0.1)
        self.close()
        raise RuntimeError("Kafka did not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["tool"] and len(sys.argv) > 2:
        sys.exit(subprocess.call(command(*sys.argv[2:])))
    elif sys.argv[1:2] == ["broker"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            with Broker(dict(word.split("=", 1) for word in sys.argv[2:])) as broker:
                print(broker.address, broker.process.pid, flush=True)
                signal.pause()
        except KeyboardInterrupt:
            pass
    else:
        sys.exit(__doc__)
