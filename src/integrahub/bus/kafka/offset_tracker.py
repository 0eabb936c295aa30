"""What a consumer holds of its partitions: what is due, what is being worked on, how far all is done. Pure."""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

_Held = TypeVar("_Held")


class MessagePosition(NamedTuple):
    """Where a message stands. `assignment` counts: after a partition came back, older places mean nothing."""

    partition: int
    assignment: int
    offset: int


@dataclass(slots=True)
class _Message(Generic[_Held]):
    told: _Held
    due_at: float = 0.0


@dataclass(slots=True)
class _Partition(Generic[_Held]):
    assignment: int
    end: int | None = None  # one past the last message held so far
    committed: int | None = None
    held: dict[int, _Message[_Held]] = field(default_factory=dict)  # by offset, ascending

    def done(self) -> int | None:
        """Everything below this offset is settled."""
        return next(iter(self.held), self.end)


class OffsetTracker(Generic[_Held]):
    """Messages, whatever they are, of one consumer, by partition.

    `visibility`: seconds until one not settled is given again.
    """

    def __init__(self, visibility: float) -> None:
        self._visibility = visibility
        self._partitions: dict[int, _Partition[_Held]] = {}
        self._assignments = 0

    def __len__(self) -> int:
        return sum(len(partition.held) for partition in self._partitions.values())

    def assign(self, partitions: list[int]) -> None:
        """These are ours from now on."""
        self._assignments += 1
        for number in partitions:
            self._partitions[number] = _Partition(self._assignments)

    def revoke(self, partitions: list[int]) -> None:
        """These are another's: what is held of them is forgotten, they will get it."""
        for number in partitions:
            self._partitions.pop(number, None)

    def add(self, partition: int, offset: int, told: _Held) -> None:
        """Hold a message; one known already, or of a partition that is not ours, is none."""
        place = self._partitions.get(partition)
        if place is not None and place.committed is not None and offset < place.committed:
            # What is committed does not come again: the topic was made again, and its log began from the start.
            # Places of the older log mean nothing in it.
            self._assignments += 1
            place = self._partitions[partition] = _Partition(self._assignments)
        if place is not None and (place.end is None or offset >= place.end):
            place.held[offset] = _Message(told)
            place.end = offset + 1

    def take(self, limit: int, now: float) -> list[tuple[MessagePosition, _Held]]:
        """Up to `limit` messages that are due, lowest offsets first, the partitions in turn."""
        due = [self._due(number, limit, now) for number in self._partitions]
        found: list[tuple[MessagePosition, _Held]] = []
        while len(found) < limit and any(due):
            for row in due:
                if row and len(found) < limit:
                    found.append(row.pop(0))
        for place, _ in found:
            self._partitions[place.partition].held[place.offset].due_at = now + self._visibility
        return found

    def ack(self, place: MessagePosition) -> None:
        """Done; settling twice, or after the partition went, is no error."""
        partition = self._partitions.get(place.partition)
        if partition is not None and partition.assignment == place.assignment:
            partition.held.pop(place.offset, None)

    def commits(self, partitions: list[int] | None = None) -> dict[int, int]:
        """Partition -> offset, of those that moved since they were asked for last."""
        moved = {}
        for number, partition in self._partitions.items():
            done = partition.done()
            if (partitions is None or number in partitions) and done is not None and done != partition.committed:
                moved[number] = partition.committed = done
        return moved

    def commit_again(self, partitions: list[int]) -> None:
        """The brokers did not take these: they count as moved once more."""
        for number in partitions:
            if number in self._partitions:
                self._partitions[number].committed = None

    def _due(self, number: int, limit: int, now: float) -> list[tuple[MessagePosition, _Held]]:
        partition = self._partitions[number]
        found: list[tuple[MessagePosition, _Held]] = []
        for offset, message in partition.held.items():
            if len(found) == limit:
                break
            if message.due_at <= now:
                found.append((MessagePosition(number, partition.assignment, offset), message.told))
        return found
