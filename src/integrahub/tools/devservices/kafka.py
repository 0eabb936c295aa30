"""One node of Apache Kafka in KRaft mode: its jars from Maven Central, kept in the user's cache."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from integrahub.tools.devservices.program import ServiceMissing, free_ports, running

VERSION = "4.1.1"
_FETCHING = 300  # seconds
_CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"
_MEMORY = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
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


_GUARDED = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{guarded}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://localhost:{guarded}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL
listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.guarded.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.ssl.keystore.type=PEM
listener.name.guarded.ssl.keystore.location={keys}
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """A second way in, at `localhost:port`, by TLS and SASL (SCRAM-SHA-512). `keys` is a PEM file of key and chain."""

    port: int
    keys: Path

    def properties(self, port: int, controller: int) -> str:
        """What the broker is told of it."""
        return _GUARDED.format(port=port, controller=controller, guarded=self.port, keys=self.keys)


@contextmanager
def kafka(folder: Path, port: int | None = None, gate: Gate | None = None) -> Iterator[str]:
    """A broker on `folder`, with what an earlier one left there; its address. PartMissing without Java or Maven."""
    java, jars = _program("java"), _jars()
    port, controller = port or free_ports(1)[0], free_ports(1)[0]
    properties, kept, log = folder / "server.properties", folder / "kafka", folder / "kafka.log"
    told = _PROPERTIES.format(port=port, controller=controller, folder=kept)
    properties.write_text(told + (gate.properties(port, controller) if gate else ""))
    command = [java, *_MEMORY, "-cp", f"{jars}/*"]
    if not kept.exists():
        tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "--standalone", "-c", str(properties)]
        subprocess.run([*command, *tool], check=True, capture_output=True, cwd=folder)
    with running([*command, "kafka.Kafka", str(properties)], log, lambda: _answers(f"127.0.0.1:{port}")):
        yield f"127.0.0.1:{port}"


def _answers(address: str) -> bool:
    try:
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=1)
    except KafkaException:
        return False
    return True


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServiceMissing(
            f"There is no `{name}` here, which Apache Kafka needs. Install Java 17 or newer, and Maven."
        )
    return found


def _jars() -> Path:
    """Where the jars are; fetched once, by one process."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub"
    jars = cache / f"kafka-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            _fetch(cache, jars)
    return jars


def _fetch(cache: Path, jars: Path) -> None:
    maven, aside = _program("mvn"), cache / "kafka.fetching"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    (aside / "pom.xml").write_text(_POM)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={aside / 'jars'}"]
    done = subprocess.run([maven, "-q", "-B", *goal], cwd=aside, capture_output=True, text=True, timeout=_FETCHING)
    if done.returncode:
        raise ServiceMissing(f"Apache Kafka could not be fetched: {done.stdout[-500:]}")
    (aside / "jars").rename(jars)
    shutil.rmtree(aside)
