"""The bus as Apache Kafka. Imported only when chosen."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from integrahub.bus.base import Delivery
from integrahub.bus.kafka.config import LARGEST, KafkaOptions
from integrahub.bus.kafka.consumer import TopicConsumer
from integrahub.bus.kafka.lag_monitor import LagMonitor
from integrahub.bus.kafka.producer import BackgroundProducer
from integrahub.domain.errors import Transient
from integrahub.domain.events import MESSAGES_DEAD

_PATIENCE = 5.0  # seconds an answer of the brokers may take
_PUBLISH = 12.0  # seconds a publish may take: its topic made, its messages given up by the producer
_LAG = 4.0  # seconds the lag may take: below what those who ask for it wait
_T = TypeVar("_T")


class KafkaBus:
    """The bus port: one producer a process, one consumer a topic that is received from, topics made when missing."""

    def __init__(self, options: KafkaOptions, *, visibility: float = 60.0) -> None:
        self._options = options
        self._visibility = visibility  # seconds until a message not settled comes again
        self._known: set[str] = set()
        self._inboxes: dict[str, TopicConsumer] = {}
        self._onlookers: dict[str, LagMonitor] = {}
        self._outbox: BackgroundProducer | None = None
        self._asking: AdminClient | None = None
        self._making = asyncio.Lock()

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Send messages."""
        if not bodies:
            return
        async with self._knowing(topic, _PUBLISH):
            await self.ensure([topic])
            self._outbox = self._outbox or BackgroundProducer(self._options)
            await self._outbox.send(self._options.topic(topic), bodies)

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """Take what the topic's consumer holds, or wait."""
        if topic not in self._known:
            async with self._knowing(topic, _PUBLISH):
                await self.ensure([topic])
        if topic not in self._inboxes:
            self._inboxes[topic] = TopicConsumer(
                self._options, topic, self._visibility, lambda: self._known.discard(topic)
            )
        return await self._inboxes[topic].receive(limit, timeout)

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        for consumer in self._inboxes.values():
            consumer.stop_waiting()

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Their offsets are committed once all before them are settled too."""
        for delivery in deliveries:
            self._inboxes[delivery.topic].ack(delivery)

    async def lag(self, topic: str) -> int:
        """Messages past the group's commits, those being worked on among them."""
        async with self._knowing(topic, _LAG):
            await self.ensure([topic])
            if topic in self._inboxes:
                await self._inboxes[topic].commit()
            if topic not in self._onlookers:
                self._onlookers[topic] = LagMonitor(self._options, topic)
            return await self._onlookers[topic].lag()

    @asynccontextmanager
    async def _knowing(self, topic: str, seconds: float) -> AsyncIterator[None]:
        """Bound what brokers may take, and look again whether the topic is there after whatever went wrong."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            self._known.discard(topic)
            raise Transient(f"Kafka: no answer within {seconds:g} s") from None
        except Transient:
            self._known.discard(topic)
            raise

    def renew(self, options: KafkaOptions) -> None:
        """Log in by the name and password of `options` from the next connection on; those that are open stay."""
        clients = [*self._inboxes.values(), *self._onlookers.values(), self._outbox, self._asking]
        self._options = options
        if options.username and options.password:
            for client in clients:
                if client is not None:
                    client.set_sasl_credentials(options.username, options.password)

    async def close(self) -> None:
        """Leave the groups; what is not settled comes to the others."""
        await asyncio.gather(*(inbox.close() for inbox in self._inboxes.values()))
        await asyncio.gather(*(onlooker.close() for onlooker in self._onlookers.values()))
        if self._outbox is not None:
            await self._outbox.close()

    async def ensure(self, topics: list[str]) -> list[str]:
        """Have the topics made that are not there, and give their names."""
        async with self._making:
            made = []
            for topic in topics:
                if topic not in self._known and await self._make(topic):
                    made.append(self._options.topic(topic))
                self._known.add(topic)
        return made

    async def brokers(self) -> int:
        """Return how many brokers are there; Transient when none answers."""
        try:
            known = await asyncio.to_thread(self._admin().list_topics, timeout=2 * _PATIENCE)
        except KafkaException as error:
            raise Transient(f"Kafka at {self._options.brokers} does not answer: {error.args[0].str()}") from error
        return len(known.brokers)

    async def _make(self, topic: str) -> bool:
        """Whether it was missing."""
        name = self._options.topic(topic)
        count, copies = self._options.partitions.get(topic, 1), self._options.replication
        own = {"max.message.bytes": str(LARGEST)} if topic == MESSAGES_DEAD else {}
        wanted = NewTopic(name, count, copies, config=own)
        try:
            await _answer(self._admin().create_topics([wanted], request_timeout=_PATIENCE)[name])
        except Transient as error:
            cause = error.__cause__
            if isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def _admin(self) -> AdminClient:
        self._asking = self._asking or AdminClient(self._options.connection())
        return self._asking


async def _answer(told: "Future[_T]") -> _T:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(told), _PATIENCE + 1)
    except (KafkaException, TimeoutError) as error:
        raise Transient(f"Kafka: {error or 'no answer'}") from error
