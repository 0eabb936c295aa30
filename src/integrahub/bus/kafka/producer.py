"""The producer: messages are sent in the background and reported one by one."""

import asyncio
import threading
from uuid import UUID

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.errors import Transient
from integrahub.telemetry import tracing

_POLL = 0.1  # seconds
_FLUSH = 5.0  # seconds a close waits for what is under way


class MessageKey(msgspec.Struct, rename="camel"):
    """What decides a message's partition and its trace: chunks spread by their own id, a pharmacy's batches keep
    together.
    """

    chunk_id: str = ""
    cnpj: str = ""
    batch_id: str = ""
    trace_id: str = ""

    def key(self) -> str | None:
        """Messages of one key stay in one partition."""
        return self.chunk_id or self.cnpj or self.batch_id or None

    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """The trace: a batch's is its id; of what is about none, that of whatever is being done."""
        try:
            trace = UUID(self.batch_id or self.trace_id or tracing.current_trace_id())
        except ValueError:
            return []
        return [("traceparent", tracing.format_traceparent(trace))]


class BackgroundProducer:
    """Messages on their way."""

    def __init__(self, options: KafkaOptions) -> None:
        self._producer = Producer(options.producer())
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka producer", daemon=True)
        self._thread.start()

    async def send(self, topic: str, bodies: list[bytes]) -> None:
        """Returns when the brokers have all of them; Transient when they do not within seconds."""
        sent = [self._send(topic, body) for body in bodies]
        failed = [error for error in await asyncio.gather(*sent) if error is not None]
        if failed:
            raise Transient(f"Kafka: {failed[0]}")

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Who to be from the next connection on."""
        self._producer.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """Send what is under way, end the thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _send(self, topic: str, body: bytes) -> "asyncio.Future[KafkaError | None]":
        done: asyncio.Future[KafkaError | None] = self._loop.create_future()

        def told(error: KafkaError | None, message: Message) -> None:
            self._loop.call_soon_threadsafe(_resolve, done, error)

        about = _about(body)
        try:
            self._producer.produce(topic, body, key=about.key(), headers=about.headers(), on_delivery=told)
        except (BufferError, KafkaException) as error:
            raise Transient(f"Kafka: {error}") from error
        return done

    def _run(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL)
        self._producer.flush(_FLUSH)


def _resolve(done: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not done.done():
        done.set_result(error)


def _about(body: bytes) -> MessageKey:
    try:
        return msgspec.json.decode(body, type=MessageKey)
    except msgspec.MsgspecError:
        return MessageKey()
