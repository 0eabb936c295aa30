"""Topics, who publishes and consumes them, and the members of their events."""

import re
from collections.abc import Iterator

import msgspec

from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain import events
from integrahub.domain.steps import GROUPS, STEP_OF_TOPIC
from tests.reference.parts import ROOT, code, list_codes, to_table
from tests.reference.translations import Translate

_SOURCE = ROOT / "src" / "integrahub"
EVENTS: dict[str, type[msgspec.Struct]] = {
    events.BATCHES_RECEIVED: events.BatchReceived,
    events.CHUNKS_READY: events.ChunkReady,
    events.BATCHES_UPSERTED: events.BatchUpserted,
    events.BATCHES_FINISHED: events.BatchFinished,
    events.CHUNKS_FAILED: events.ChunkFailed,
    events.MESSAGES_DEAD: events.DeadMessage,
}
_PARTITIONS = {events.BATCHES_RECEIVED: "KAFKA_BATCHES_PARTITIONS", events.CHUNKS_READY: "KAFKA_CHUNKS_PARTITIONS"}


def list_topics() -> list[str]:
    """Return the topics that the code names."""
    return [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]


def render(text: Translate) -> str:
    """Return a table of topics, and for each the members of its event."""
    head = map(text, ("topic", "event", "consumed by", "consumer group", "partitions"))
    sections = (_section(topic, event, text) for topic, event in EVENTS.items())
    return "\n\n".join([to_table(head, (_to_row(topic, text) for topic in EVENTS)), *sections])


def _to_row(topic: str, text: Translate) -> tuple[str, ...]:
    partitions = code(_PARTITIONS[topic]) if topic in _PARTITIONS else "1"
    event = " ".join((EVENTS[topic].__doc__ or "").split())
    return code(topic), text(event), code(STEP_OF_TOPIC[topic]), code(GROUPS[topic]), partitions


def _section(topic: str, event: type[msgspec.Struct], text: Translate) -> str:
    rows = ((code(field.encode_name), text(_kind(field.type))) for field in msgspec.structs.fields(event))
    publishers = text("Published by {modules}.").format(modules=list_codes(_publishers(topic)))
    return "\n\n".join([f"### {topic}", publishers, to_table(map(text, ("member", "type")), rows)])


def _kind(kind: type) -> str:
    names = {"bytes": "base64", "str": "text", "int": "integer", "datetime": "time", "UUID": "UUID"}
    return names[kind.__name__]


def _publishers(topic: str) -> Iterator[str]:
    """Yield the modules that publish to the topic, relative to the package."""
    constant = next(name for name, value in vars(events).items() if value == topic)
    call = re.compile(rf"\bpublish\((?:[\w.]+, )?{constant}\b")
    for path in sorted(_SOURCE.rglob("*.py")):
        if call.search(path.read_text("utf-8")):
            yield path.relative_to(_SOURCE).as_posix()


def render_clients(text: Translate) -> str:
    """Return the librdkafka configuration of consumers and producers with the default settings."""
    options = KafkaOptions("BUS_URL")
    clients = (("consumer", options.consumer(events.CHUNKS_READY)), ("producer", options.producer()))
    rows = (
        (text(client), code(name), code(value))
        for client, configuration in clients
        for name, value in sorted(configuration.items())
        if name not in ("bootstrap.servers", "logger")
    )
    return to_table(map(text, ("client", "option", "value")), rows)


def render_poll(text: Translate) -> str:
    """Return how many messages a consumer takes at once, which the code fixes."""
    source = (_SOURCE / "bus" / "kafka" / "consumer.py").read_text("utf-8")
    found = re.search(r"^_POLL_BATCH_SIZE = (\d+)$", source, re.MULTILINE)
    assert found
    return text("A consumer takes up to {count} messages from its local queue at once.").format(count=found[1])
