"""A topic consumer pauses or resumes its partitions again after each rebalance."""

import threading
from typing import Any

from confluent_kafka import TopicPartition

from integrahub.bus.kafka.consumer import TopicConsumer
from integrahub.bus.kafka.offset_tracker import OffsetTracker


class _Consumer:
    """Recorder of the calls to Kafka's consumer."""

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
    inbox: Any = TopicConsumer.__new__(TopicConsumer)
    inbox._lock, inbox._tracking, inbox._consumer = threading.Lock(), OffsetTracker(60.0), _Consumer()
    inbox._paused = inbox._moved = False
    inbox._assigned(inbox._consumer, _partitions(0, 1))
    for number in range(200):
        inbox._tracking.add(number % 2, number // 2, (b"", None))
    for _ in range(2):
        inbox._hold_back()
    assert inbox._consumer.said == ["pause"]
    inbox._lost(inbox._consumer, _partitions(1))  # a hundred are held still: it fetches no more
    inbox._hold_back()
    inbox._lost(inbox._consumer, _partitions(0))
    inbox._hold_back()
    inbox._assigned(inbox._consumer, _partitions(1))  # Kafka may know it as paused
    for _ in range(2):
        inbox._hold_back()
    assert inbox._consumer.said == ["pause", "pause", "resume", "resume"]
