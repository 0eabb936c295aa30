"""Bus on Apache Kafka. Imported only if BUS_URL names Kafka."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from integrahub.bus.base import Delivery
from integrahub.bus.kafka.config import MAX_DEAD_MESSAGE_BYTES, KafkaOptions
from integrahub.bus.kafka.consumer import TopicConsumer
from integrahub.bus.kafka.lag_monitor import LagMonitor
from integrahub.bus.kafka.producer import BackgroundProducer
from integrahub.domain.errors import Transient
from integrahub.domain.events import MESSAGES_DEAD

_REQUEST_TIMEOUT_SECONDS = 5.0
_PUBLISH_TIMEOUT_SECONDS = 12.0  # includes topic creation and the producer's own delivery timeout
_LAG_TIMEOUT_SECONDS = 4.0  # shorter than the timeout of health checks
_T = TypeVar("_T")


class KafkaBus:
    """One producer per process, one consumer per received topic. Missing topics are created.

    `visibility`: seconds until a message that is not acknowledged is delivered again.
    """

    def __init__(self, options: KafkaOptions, *, visibility: float = 60.0) -> None:
        self._options = options
        self._visibility = visibility
        self._existing_topics: set[str] = set()
        self._consumers: dict[str, TopicConsumer] = {}
        self._lag_monitors: dict[str, LagMonitor] = {}
        self._producer: BackgroundProducer | None = None
        self._admin_client: AdminClient | None = None
        self._creating = asyncio.Lock()

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        if not bodies:
            return
        async with self._rechecking(topic, _PUBLISH_TIMEOUT_SECONDS):
            await self.create_missing([topic])
            self._producer = self._producer or BackgroundProducer(self._options)
            await self._producer.send(self._options.topic(topic), bodies)

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        if topic not in self._existing_topics:
            async with self._rechecking(topic, _PUBLISH_TIMEOUT_SECONDS):
                await self.create_missing([topic])
        if topic not in self._consumers:
            self._consumers[topic] = TopicConsumer(
                self._options, topic, self._visibility, lambda: self._existing_topics.discard(topic)
            )
        return await self._consumers[topic].receive(limit, timeout)

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        for consumer in self._consumers.values():
            consumer.stop_waiting()

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Acknowledge messages. Their offsets are committed once all earlier messages are acknowledged too."""
        for delivery in deliveries:
            self._consumers[delivery.topic].ack(delivery)

    async def lag(self, topic: str) -> int:
        """Return the messages after the group's committed offsets, including those being processed."""
        async with self._rechecking(topic, _LAG_TIMEOUT_SECONDS):
            await self.create_missing([topic])
            if topic in self._consumers:
                await self._consumers[topic].commit()
            if topic not in self._lag_monitors:
                self._lag_monitors[topic] = LagMonitor(self._options, topic)
            return await self._lag_monitors[topic].lag()

    @asynccontextmanager
    async def _rechecking(self, topic: str, seconds: float) -> AsyncIterator[None]:
        """Limit the block to `seconds`. After a failure the next call checks again whether the topic exists."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            self._existing_topics.discard(topic)
            raise Transient(f"Kafka: no answer within {seconds:g} s") from None
        except Transient:
            self._existing_topics.discard(topic)
            raise

    def renew(self, options: KafkaOptions) -> None:
        """Use the credentials of `options` for new connections; open connections stay."""
        clients = [*self._consumers.values(), *self._lag_monitors.values(), self._producer, self._admin_client]
        self._options = options
        if options.username and options.password:
            for client in clients:
                if client is not None:
                    client.set_sasl_credentials(options.username, options.password)

    async def close(self) -> None:
        """Leave the groups; other members receive the messages that are not acknowledged."""
        await asyncio.gather(*(consumer.close() for consumer in self._consumers.values()))
        await asyncio.gather(*(monitor.close() for monitor in self._lag_monitors.values()))
        if self._producer is not None:
            await self._producer.close()

    async def create_missing(self, topics: list[str]) -> list[str]:
        """Create the topics that do not exist, and return their names on the brokers."""
        async with self._creating:
            created = []
            for topic in topics:
                if topic not in self._existing_topics and await self._create(topic):
                    created.append(self._options.topic(topic))
                self._existing_topics.add(topic)
        return created

    async def count_brokers(self) -> int:
        """Return the number of brokers. Raise Transient if none answers."""
        try:
            cluster = await asyncio.to_thread(self._admin().list_topics, timeout=2 * _REQUEST_TIMEOUT_SECONDS)
        except KafkaException as error:
            raise Transient(f"Kafka at {self._options.brokers} does not answer: {error.args[0].str()}") from error
        return len(cluster.brokers)

    async def _create(self, topic: str) -> bool:
        """Create a topic; return False if it exists already."""
        name = self._options.topic(topic)
        partitions, replication = self._options.partitions.get(topic, 1), self._options.replication
        config = {"max.message.bytes": str(MAX_DEAD_MESSAGE_BYTES)} if topic == MESSAGES_DEAD else {}
        new_topic = NewTopic(name, partitions, replication, config=config)
        try:
            await _wait(self._admin().create_topics([new_topic], request_timeout=_REQUEST_TIMEOUT_SECONDS)[name])
        except Transient as error:
            cause = error.__cause__
            if isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def _admin(self) -> AdminClient:
        self._admin_client = self._admin_client or AdminClient(self._options.connection())
        return self._admin_client


async def _wait(future: "Future[_T]") -> _T:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), _REQUEST_TIMEOUT_SECONDS + 1)
    except (KafkaException, TimeoutError) as error:
        raise Transient(f"Kafka: {error or 'no answer'}") from error
