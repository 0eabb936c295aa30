"""A topic consumer pauses or resumes its partitions again after each rebalance."""

import threading
from typing import Any

from confluent_kafka import TopicPartition

from integrahub.bus.kafka.consumer import TopicConsumer
from integrahub.bus.kafka.offset_tracker import OffsetTracker


class _Consumer:
    """Record the calls of the Kafka client."""

    def __init__(self) -> None:
        self.said = list[str]()

    def assignment(self) -> list[TopicPartition]:
        return []

    def pause(self, _: Any) -> None:
        self.said.append("pause")

    def resume(self, _: Any) -> None:
        self.said.append("resume")


def _partitions(*numbers: int) -> list[TopicPartition]:
    return [TopicPartition("a", number) for number in numbers]


def test_partitions_that_stayed_or_came_are_told_again_whether_to_fetch() -> None:
    consumer: Any = TopicConsumer.__new__(TopicConsumer)
    consumer._lock, consumer._tracker, consumer._consumer = threading.Lock(), OffsetTracker(60.0), _Consumer()
    consumer._is_paused = consumer._is_rebalanced = False
    consumer._on_assign(consumer._consumer, _partitions(0, 1))
    for number in range(200):
        consumer._tracker.add(number % 2, number // 2, (b"", None))
    for _ in range(2):
        consumer._pause_or_resume()
    assert consumer._consumer.said == ["pause"]
    consumer._on_lost(consumer._consumer, _partitions(1))  # a hundred are held still: it fetches no more
    consumer._pause_or_resume()
    consumer._on_lost(consumer._consumer, _partitions(0))
    consumer._pause_or_resume()
    consumer._on_assign(consumer._consumer, _partitions(1))  # Kafka may know it as paused
    for _ in range(2):
        consumer._pause_or_resume()
    assert consumer._consumer.said == ["pause", "pause", "resume", "resume"]
