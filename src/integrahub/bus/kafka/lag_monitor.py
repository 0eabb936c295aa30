"""How far a group is: asked by a client that never joins it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.errors import Transient
from integrahub.resilience.single_flight import SingleFlight

_PATIENCE = 4.0  # seconds all answers of the brokers together may take
_TRIES, _PAUSE = 5, 0.2  # tries, and seconds between them
_MOVING = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


class LagMonitor:
    """The lag of one topic's group. The admin client's own question for a group's offsets ends the process (2.16.1)."""

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        self._name = options.topic(topic)
        self._client = Consumer(options.onlooker(topic))
        # A thread of its own: brokers that are away must not take those that files are written with.
        self._thread = ThreadPoolExecutor(1, f"kafka lag {topic}")
        self._flight = SingleFlight[None, int]()

    async def lag(self) -> int:
        """Return the number of messages after the group's committed offsets. Concurrent callers share one request."""
        try:
            return await self._flight(None, self._measure)
        except KafkaException as error:
            raise Transient(f"Kafka: {error}") from error

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Who to be from the next connection on."""
        self._client.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """End the client."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._client.close)
        self._thread.shutdown()

    async def _measure(self) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._lag)

    def _lag(self) -> int:
        end = monotonic() + _PATIENCE
        waiting = 0
        for place in self._committed(self._places(end), end):
            first, last = self._client.get_watermark_offsets(place, timeout=_left(end)) or (0, 0)
            waiting += max(0, last - max(first, place.offset))  # a negative offset: nothing is committed
        return waiting

    def _places(self, end: float) -> list[TopicPartition]:
        """The partitions that the brokers have, whatever the settings say."""
        topic = self._client.list_topics(self._name, timeout=_left(end)).topics[self._name]
        if topic.error is not None:
            raise KafkaException(topic.error)
        return [TopicPartition(self._name, number) for number in topic.partitions]

    def _committed(self, places: list[TopicPartition], end: float) -> list[TopicPartition]:
        """Asked again while the brokers are still finding out who answers for the group."""
        for _ in range(_TRIES):
            try:
                return self._client.committed(places, timeout=_left(end))
            except KafkaException as error:
                if error.args[0].code() not in _MOVING:
                    raise
                sleep(_PAUSE)
        return self._client.committed(places, timeout=_left(end))


def _left(end: float) -> float:
    """Seconds until `end`, as a timeout that ends."""
    return max(0.01, end - monotonic())
