"""Lists of messages in the PostgreSQL bus: one row holds messages that one consumer may receive together."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from integrahub.bus.base import Delivery

# Ends the topic of a row with a list, so that a consumer of a version without lists never receives one.
LIST_SUFFIX = "+"
MAX_LISTED_MESSAGES = 100
_COUNT_BYTES = 2  # before the messages, for the lag
_MAX_OPEN_LISTS = 1000  # whose acknowledgements are counted


def pack_lists(bodies: list[bytes]) -> Iterator[bytes]:
    """Yield the bodies of rows that hold all these messages, in order."""
    for start in range(0, len(bodies), MAX_LISTED_MESSAGES):
        part = bodies[start : start + MAX_LISTED_MESSAGES]
        yield len(part).to_bytes(_COUNT_BYTES, "big") + msgspec.msgpack.encode(part)


class ListedMessage(NamedTuple):
    """Token of a delivery: its row, the hash of the list, and its place in the list.

    Numbers of rows repeat: PostgreSQL begins again after a crash, because the table is unlogged.
    """

    row: int
    content: int
    place: int


class ReceivedLists:
    """Messages of received rows: those that wait for `take`, and those that are not acknowledged."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Delivery]] = {}  # by topic
        self._unacknowledged: dict[tuple[int, int], set[int]] = {}  # places by row and content

    def add(self, topic: str, row: int, packed: bytes) -> None:
        """Add a received row. Of one that was received before, only messages without an acknowledgement wait again.

        A row that holds no list waits as one message: the step dead-letters what it cannot read.
        """
        waiting = self._waiting.setdefault(topic, deque())
        try:
            bodies, content = msgspec.msgpack.decode(packed[_COUNT_BYTES:], type=list[bytes]), hash(packed)
        except msgspec.MsgspecError:
            waiting.append(Delivery(topic, packed, row))
            return
        if len(self._unacknowledged) >= _MAX_OPEN_LISTS:  # the oldest was probably finished by another process
            self._unacknowledged.pop(next(iter(self._unacknowledged)))
        remaining = self._unacknowledged.setdefault((row, content), set(range(len(bodies))))
        tokens = (ListedMessage(row, content, place) for place in sorted(remaining))
        waiting.extend(Delivery(topic, bodies[token.place], token) for token in tokens)

    def take(self, topic: str, limit: int) -> list[Delivery]:
        """Return up to `limit` messages that wait."""
        waiting = self._waiting.get(topic)
        return [waiting.popleft() for _ in range(min(limit, len(waiting)))] if waiting else []

    def acknowledge(self, tokens: Iterable[ListedMessage]) -> list[int]:
        """Return the rows all of whose messages are acknowledged now."""
        done = []
        for token in tokens:
            key = token.row, token.content
            remaining = self._unacknowledged.get(key)
            if remaining is None:
                continue
            remaining.discard(token.place)
            if not remaining:
                del self._unacknowledged[key]
                done.append(token.row)
        return done

    def forget(self) -> list[int]:
        """Return the rows with messages that are not acknowledged, and forget all."""
        rows = [row for row, _ in self._unacknowledged]
        self._waiting, self._unacknowledged = {}, {}
        return rows
