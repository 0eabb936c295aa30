"""How a Kafka is reached and used; no client is imported here."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import GROUPS

LARGEST = 4 << 20  # bytes of a dead message: room for whatever the other topics take, wrapped
Value = str | int | float | bool
Logged = Value | logging.Logger
_LOGGER = logging.getLogger("librdkafka")  # else the library writes to standard error by itself


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """`partitions` by topic, 1 where none is told; `replication` -1: the broker's default; `prefix` stands before every
    topic and group. `instance` makes this process a static member of its groups. `client` are librdkafka's own options.
    """

    brokers: str
    partitions: Mapping[str, int] = field(default_factory=dict)
    replication: int = -1
    prefix: str = ""
    protocol: str = "classic"
    compression: str = "snappy"
    fetch_min_bytes: int = 1
    fetch_wait_ms: int = 100
    instance: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client: Mapping[str, str] = field(default_factory=dict, repr=False)

    def topic(self, topic: str) -> str:
        """A topic's name on the broker."""
        return self.prefix + topic

    def group(self, topic: str) -> str:
        """Who consumes a topic."""
        return self.prefix + GROUPS.get(topic, f"{topic}-workers")

    def connection(self) -> dict[str, Value]:
        """What every client needs."""
        own: dict[str, Value] = {"bootstrap.servers": self.brokers, "client.id": "integrahub"}
        own |= {"reconnect.backoff.max.ms": 2000, "socket.timeout.ms": 10000, "log_level": 2}
        login = {"sasl.username": self.username, "sasl.password": self.password}
        return own | dict(self.client) | {name: value for name, value in login.items() if value}

    def _logged(self) -> dict[str, Logged]:
        """What every client needs that is polled, and so can log."""
        return {**self.connection(), "logger": _LOGGER}

    def producer(self) -> dict[str, Logged]:
        """Nothing lost or doubled by the producer itself; a broker that is away is told within seconds."""
        safe: dict[str, Logged] = {"enable.idempotence": True, "acks": "all", "message.timeout.ms": 5000}
        safe |= {"message.max.bytes": LARGEST}
        return self._logged() | safe | {"compression.type": self.compression, "linger.ms": 2}

    def onlooker(self, topic: str) -> dict[str, Logged]:
        """Asks for a group's offsets and never joins it."""
        return self._logged() | {"group.id": self.group(topic), "enable.auto.commit": False}

    def consumer(self, topic: str) -> dict[str, Logged]:
        """Commits are ours alone; a member that dies is missed within seconds, one that restarts is not."""
        own: dict[str, Logged] = {
            "group.id": self.group(topic),
            "group.protocol": self.protocol,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.min.bytes": self.fetch_min_bytes,
            "fetch.wait.max.ms": self.fetch_wait_ms,
            "queued.max.messages.kbytes": 16384,
            "topic.metadata.refresh.interval.ms": 30000,
        }
        if self.protocol == "classic":  # the newer protocol leaves these to the broker
            own |= {"partition.assignment.strategy": "cooperative-sticky"}
            # A broker that was frozen may wait for joins that nobody stands behind any more: no longer than this.
            own |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000, "max.poll.interval.ms": 8000}
        return self._logged() | own | ({"group.instance.id": self.instance} if self.instance else {})


def client_options(text: str) -> dict[str, str]:
    """`name=value` pairs, separated by commas; ConfigurationError when it is something else."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ConfigurationError("KAFKA_OPTIONS is not name=value,name=value, such as security.protocol=SASL_SSL.")
    return {name.strip(): value.strip() for name, _, value in pairs}
