"""Lag of a consumer group, measured by a client that does not join the group."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.errors import Transient
from integrahub.resilience.single_flight import SingleFlight

_LAG_TIMEOUT_SECONDS = 4.0  # of all requests of one measurement together
_COORDINATOR_RETRIES, _RETRY_INTERVAL_SECONDS = 5, 0.2
_COORDINATOR_MOVING = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)


class LagMonitor:
    """Measure the lag of one topic's group.

    It uses a consumer: the admin client's request for group offsets crashes the process (confluent-kafka 2.16.1).
    """

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        self._name = options.topic(topic)
        self._client = Consumer(options.lag_monitor(topic))
        # Its own thread: unreachable brokers must not occupy the threads that write files.
        self._thread = ThreadPoolExecutor(1, f"kafka lag {topic}")
        self._flight = SingleFlight[None, int]()

    async def lag(self) -> int:
        """Return the number of messages after the committed offsets. Concurrent callers share one measurement."""
        try:
            return await self._flight(None, self._measure_in_thread)
        except KafkaException as error:
            raise Transient(f"Kafka: {error}") from error

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Set the credentials of new connections."""
        self._client.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """Close the client and its thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._client.close)
        self._thread.shutdown()

    async def _measure_in_thread(self) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._measure)

    def _measure(self) -> int:
        end = monotonic() + _LAG_TIMEOUT_SECONDS
        lag = 0
        for partition in self._committed(self._partitions(end), end):
            low, high = self._client.get_watermark_offsets(partition, timeout=_time_left(end)) or (0, 0)
            lag += max(0, high - max(low, partition.offset))  # the offset is negative if nothing is committed
        return lag

    def _partitions(self, end: float) -> list[TopicPartition]:
        topic = self._client.list_topics(self._name, timeout=_time_left(end)).topics[self._name]
        if topic.error is not None:
            raise KafkaException(topic.error)
        return [TopicPartition(self._name, number) for number in topic.partitions]

    def _committed(self, partitions: list[TopicPartition], end: float) -> list[TopicPartition]:
        """Return the committed offsets; retry while the brokers elect the group's coordinator."""
        for _ in range(_COORDINATOR_RETRIES):
            try:
                return self._client.committed(partitions, timeout=_time_left(end))
            except KafkaException as error:
                if error.args[0].code() not in _COORDINATOR_MOVING:
                    raise
                sleep(_RETRY_INTERVAL_SECONDS)
        return self._client.committed(partitions, timeout=_time_left(end))


def _time_left(end: float) -> float:
    """Return the seconds until `end`; always positive, because 0 means no timeout to the client."""
    return max(0.01, end - monotonic())
