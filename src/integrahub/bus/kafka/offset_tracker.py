"""Messages that a consumer received but has not acknowledged, and the offsets it may commit. Pure."""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

_Value = TypeVar("_Value")


class MessagePosition(NamedTuple):
    """Position of a message. Once the partition is assigned again, `assignment` differs and the position is ignored."""

    partition: int
    assignment: int
    offset: int


@dataclass(slots=True)
class _Message(Generic[_Value]):
    value: _Value
    due_at: float = 0.0


@dataclass(slots=True)
class _Partition(Generic[_Value]):
    assignment: int
    end: int | None = None  # the offset after the last message received
    committed: int | None = None
    pending: dict[int, _Message[_Value]] = field(default_factory=dict)  # by offset, ascending

    def committable(self) -> int | None:
        """Return the offset below which all messages are acknowledged."""
        return next(iter(self.pending), self.end)


class OffsetTracker(Generic[_Value]):
    """Track the pending messages of one consumer by partition.

    `visibility`: seconds until a message that is not acknowledged is delivered again.
    """

    def __init__(self, visibility: float) -> None:
        self._visibility = visibility
        self._partitions: dict[int, _Partition[_Value]] = {}
        self._assignments = 0

    def __len__(self) -> int:
        return sum(len(partition.pending) for partition in self._partitions.values())

    def assign(self, partitions: list[int]) -> None:
        """Start to track newly assigned partitions."""
        self._assignments += 1
        for number in partitions:
            self._partitions[number] = _Partition(self._assignments)

    def revoke(self, partitions: list[int]) -> None:
        """Drop the pending messages of revoked partitions; their new owner receives them."""
        for number in partitions:
            self._partitions.pop(number, None)

    def add(self, partition: int, offset: int, value: _Value) -> None:
        """Add a received message. Ignore duplicates and messages of partitions that are not assigned."""
        tracked = self._partitions.get(partition)
        if tracked is not None and tracked.committed is not None and offset < tracked.committed:
            # An offset below the committed one means that the topic was deleted and created again.
            # Positions in the old log must not acknowledge messages of the new one.
            self._assignments += 1
            tracked = self._partitions[partition] = _Partition(self._assignments)
        if tracked is not None and (tracked.end is None or offset >= tracked.end):
            tracked.pending[offset] = _Message(value)
            tracked.end = offset + 1

    def take(self, limit: int, now: float) -> list[tuple[MessagePosition, _Value]]:
        """Return up to `limit` due messages, lowest offsets first, alternating between the partitions."""
        due = [self._due(number, limit, now) for number in self._partitions]
        taken: list[tuple[MessagePosition, _Value]] = []
        while len(taken) < limit and any(due):
            for messages in due:
                if messages and len(taken) < limit:
                    taken.append(messages.pop(0))
        for position, _ in taken:
            self._partitions[position.partition].pending[position.offset].due_at = now + self._visibility
        return taken

    def ack(self, position: MessagePosition) -> None:
        """Acknowledge a message. Repeating this, or doing it after a revocation, is no error."""
        partition = self._partitions.get(position.partition)
        if partition is not None and partition.assignment == position.assignment:
            partition.pending.pop(position.offset, None)

    def take_commits(self, partitions: list[int] | None = None) -> dict[int, int]:
        """Return the offset to commit by partition, for partitions that advanced since the previous call."""
        commits = {}
        for number, partition in self._partitions.items():
            offset = partition.committable()
            if (partitions is None or number in partitions) and offset is not None and offset != partition.committed:
                commits[number] = partition.committed = offset
        return commits

    def reset_commits(self, partitions: list[int]) -> None:
        """Mark partitions whose commit failed, so that the next call of `take_commits` returns them again."""
        for number in partitions:
            if number in self._partitions:
                self._partitions[number].committed = None

    def _due(self, number: int, limit: int, now: float) -> list[tuple[MessagePosition, _Value]]:
        partition = self._partitions[number]
        due: list[tuple[MessagePosition, _Value]] = []
        for offset, message in partition.pending.items():
            if len(due) == limit:
                break
            if message.due_at <= now:
                due.append((MessagePosition(number, partition.assignment, offset), message.value))
        return due
