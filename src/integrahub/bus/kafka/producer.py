"""Kafka producer running in a background thread."""

import asyncio
import threading
from uuid import UUID

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.errors import Transient
from integrahub.telemetry import tracing

_POLL_TIMEOUT_SECONDS = 0.1
_FLUSH_TIMEOUT_SECONDS = 5.0


class MessageKey(msgspec.Struct, rename="camel"):
    """The members of an event that decide its partition and its trace.

    Chunks spread over all partitions; the batches of one pharmacy stay in one partition.
    """

    chunk_id: str = ""
    cnpj: str = ""
    batch_id: str = ""
    trace_id: str = ""

    def key(self) -> str | None:
        """Return the Kafka key; messages with the same key share a partition."""
        return self.chunk_id or self.cnpj or self.batch_id or None

    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """Return the trace header: the batch's trace, else the event's own, else that of the running code."""
        try:
            trace = UUID(self.batch_id or self.trace_id or tracing.current_trace_id())
        except ValueError:
            return []
        return [("traceparent", tracing.format_traceparent(trace))]


class BackgroundProducer:
    """Send messages, and report to each caller when the brokers have stored its messages."""

    def __init__(self, options: KafkaOptions) -> None:
        self._producer = Producer(options.producer())
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka producer", daemon=True)
        self._thread.start()

    async def send(self, topic: str, bodies: list[bytes]) -> None:
        """Return when the brokers have stored all messages. Raise Transient if they do not within seconds."""
        errors = await asyncio.gather(*(self._send(topic, body) for body in bodies))
        if failed := [error for error in errors if error is not None]:
            raise Transient(f"Kafka: {failed[0]}")

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Set the credentials of new connections."""
        self._producer.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """Flush the queue and end the thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _send(self, topic: str, body: bytes) -> "asyncio.Future[KafkaError | None]":
        stored: asyncio.Future[KafkaError | None] = self._loop.create_future()

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            self._loop.call_soon_threadsafe(_resolve, stored, error)

        key = _message_key(body)
        try:
            self._producer.produce(topic, body, key=key.key(), headers=key.headers(), on_delivery=on_delivery)
        except (BufferError, KafkaException) as error:
            raise Transient(f"Kafka: {error}") from error
        return stored

    def _run(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_TIMEOUT_SECONDS)
        self._producer.flush(_FLUSH_TIMEOUT_SECONDS)


def _resolve(stored: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not stored.done():
        stored.set_result(error)


def _message_key(body: bytes) -> MessageKey:
    try:
        return msgspec.json.decode(body, type=MessageKey)
    except msgspec.MsgspecError:
        return MessageKey()
