"""One node of Apache Kafka in KRaft mode; its jars come from Maven Central and stay in the user's cache."""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from integrahub.tools.devservices.program import ServiceMissing, find_free_ports, run_program, run_tool

VERSION = "4.1.1"
_DOWNLOAD_TIMEOUT_SECONDS = 300
_MAX_OUTPUT_CHARACTERS = 500
_CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAA"
_JVM_OPTIONS = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>integrahub</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""
_PROPERTIES = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.heartbeat.interval.ms=1000
auto.create.topics.enable=false
"""

_SECURE_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{guarded}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://localhost:{guarded}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL
listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.guarded.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.ssl.keystore.type=PEM
listener.name.guarded.ssl.keystore.location={keys}
"""


@dataclass(frozen=True, slots=True)
class SecureListener:
    """A second listener at `localhost:port`, with TLS and SCRAM-SHA-512. `keys` is a PEM file of key and chain."""

    port: int
    keys: Path

    def properties(self, port: int, controller: int) -> str:
        """Return the broker's properties for it."""
        return _SECURE_PROPERTIES.format(port=port, controller=controller, guarded=self.port, keys=self.keys)


@contextmanager
def run_kafka(folder: Path, port: int | None = None, secure: SecureListener | None = None) -> Iterator[str]:
    """Run a broker on `folder` while the block runs, and yield its address; a second run finds the data of the first.

    Raise ServiceMissing without Java or Maven.
    """
    java, jars = find_kafka()
    port, controller = _find_ports(port, secure)
    properties, data, log = folder / "server.properties", folder / "kafka", folder / "kafka.log"
    text = _PROPERTIES.format(port=port, controller=controller, folder=data)
    properties.write_text(text + (secure.properties(port, controller) if secure else ""))
    command = [java, *_JVM_OPTIONS, "-cp", f"{jars}/*"]
    if not data.exists():
        tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "--standalone", "-c", str(properties)]
        run_tool([*command, *tool], folder)
    address = f"127.0.0.1:{port}"
    # After SIGTERM it may wait half a minute for its own controller; what it stored outlives a kill.
    broker = [*command, "kafka.Kafka", str(properties)]
    with run_program(broker, log, lambda: _is_healthy(address), stop_signal=signal.SIGKILL):
        yield address


def _find_ports(port: int | None, secure: SecureListener | None) -> tuple[int, int]:
    """Return the port of the clients and that of the controller: Kafka refuses listeners on one port."""
    taken = {listener for listener in (port, secure and secure.port) if listener}
    free = find_free_ports(2, but=taken)
    return port or free[0], free[1]


def find_kafka() -> tuple[str, Path]:
    """Return Java and the folder of Kafka's jars. Raise ServiceMissing if one is missing and cannot be downloaded."""
    return _find_program("java"), _find_jars()


def _is_healthy(address: str) -> bool:
    try:
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=1)
    except KafkaException:
        return False
    return True


def _find_program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise ServiceMissing(
            f"`{name}`, which Apache Kafka needs, is not in PATH. Install Java 17 or newer, and Maven."
        )
    return program


def _find_jars() -> Path:
    """Return the folder of the jars; download them if absent, in one process at a time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub"
    jars = cache / f"kafka-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            _download(cache, jars)
    return jars


def _download(cache: Path, jars: Path) -> None:
    maven, temporary = _find_program("mvn"), cache / "kafka.fetching"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    (temporary / "pom.xml").write_text(_POM)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={temporary / 'jars'}"]
    done = subprocess.run(
        [maven, "-q", "-B", *goal], cwd=temporary, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_SECONDS
    )
    if done.returncode:
        raise ServiceMissing(f"Apache Kafka could not be downloaded: {done.stdout[-_MAX_OUTPUT_CHARACTERS:]}")
    (temporary / "jars").rename(jars)
    shutil.rmtree(temporary)
