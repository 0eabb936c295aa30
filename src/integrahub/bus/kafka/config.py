"""Connection options of Kafka, and the librdkafka configuration of each client. Imports no Kafka client."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import GROUPS

MAX_DEAD_MESSAGE_BYTES = 4 << 20  # a dead-letter message wraps a message of another topic
Value = str | int | float | bool
LoggedValue = Value | logging.Logger
_LOGGER = logging.getLogger("librdkafka")  # without a logger the library writes to standard error


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """How to reach and use Kafka.

    `partitions` by topic, 1 if missing; `replication` -1: the broker's default; `prefix` of every topic and group.
    `instance` makes this process a static member of its groups. `client` holds further librdkafka options.
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
        """Return the topic's name on the brokers."""
        return self.prefix + topic

    def group(self, topic: str) -> str:
        """Return the consumer group of a topic."""
        return self.prefix + GROUPS.get(topic, f"{topic}-workers")

    def connection(self) -> dict[str, Value]:
        """Return the configuration that all clients share."""
        own: dict[str, Value] = {"bootstrap.servers": self.brokers, "client.id": "integrahub"}
        own |= {"reconnect.backoff.max.ms": 2000, "socket.timeout.ms": 10000, "log_level": 2}
        credentials = {"sasl.username": self.username, "sasl.password": self.password}
        return own | dict(self.client) | {name: value for name, value in credentials.items() if value}

    def producer(self) -> dict[str, LoggedValue]:
        """Return a producer configuration without lost or duplicate messages, and with a short delivery timeout."""
        safe: dict[str, LoggedValue] = {"enable.idempotence": True, "acks": "all", "message.timeout.ms": 5000}
        safe |= {"message.max.bytes": MAX_DEAD_MESSAGE_BYTES}
        return self._logged_connection() | safe | {"compression.type": self.compression, "linger.ms": 2}

    def lag_monitor(self, topic: str) -> dict[str, LoggedValue]:
        """Return the configuration of a client that reads a group's offsets without joining the group."""
        return self._logged_connection() | {"group.id": self.group(topic), "enable.auto.commit": False}

    def consumer(self, topic: str) -> dict[str, LoggedValue]:
        """Return a consumer configuration with manual commits, and fast detection of dead members."""
        own: dict[str, LoggedValue] = {
            "group.id": self.group(topic),
            "group.protocol": self.protocol,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.min.bytes": self.fetch_min_bytes,
            "fetch.wait.max.ms": self.fetch_wait_ms,
            "queued.max.messages.kbytes": 16384,
            "topic.metadata.refresh.interval.ms": 30000,
        }
        if self.protocol == "classic":  # with the newer protocol the broker decides these
            own |= {"partition.assignment.strategy": "cooperative-sticky"}
            # A broker that was frozen waits this long for the joins of members that have left.
            own |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000, "max.poll.interval.ms": 8000}
        return self._logged_connection() | own | ({"group.instance.id": self.instance} if self.instance else {})

    def _logged_connection(self) -> dict[str, LoggedValue]:
        # Only clients that are polled can call a logger.
        return {**self.connection(), "logger": _LOGGER}


def client_options(text: str) -> dict[str, str]:
    """Parse comma-separated `name=value` pairs. Raise ConfigurationError for other texts."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ConfigurationError(
            "INTEGRAHUB_KAFKA_OPTIONS is not name=value,name=value, such as security.protocol=SASL_SSL."
        )
    return {name.strip(): value.strip() for name, _, value in pairs}
