"""Backlog: how many records wait, whether more may come in, and when to come again; decided purely."""

from collections.abc import Mapping
from dataclasses import dataclass

ESTIMATE = 500  # bytes a record, of a body whose records nobody has counted yet
_ROOM = 0.9  # of a bound: who was refused comes again when this much waits
_UNKNOWN = 30.0  # seconds to wait while nothing drains
_LONGEST = 300.0  # seconds
_WEIGHT = 0.3  # of the newest observation in a rate


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """How many records may wait before posts are refused: of one pharmacy, of all. 0: any number."""

    pharmacy: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Overload:
    """A bound that is reached: `waiting` and `bound` in records, `retry_after` in seconds."""

    waiting: int
    bound: int
    retry_after: float


@dataclass(slots=True)
class _Line:
    """What waits in one line, in records, and how many go a second."""

    waiting: int = 0
    taken: int = 0
    rate: float = 0.0

    def count(self, waiting: int, seconds: float) -> None:
        gone = max(0, self.waiting + self.taken - waiting) / seconds
        self.rate = gone if not self.rate else (1 - _WEIGHT) * self.rate + _WEIGHT * gone
        self.waiting, self.taken = waiting, 0

    def excess(self, bound: int) -> Overload | None:
        waiting = self.waiting + self.taken
        if not bound or waiting < bound:
            return None
        wait = (waiting - _ROOM * bound) / self.rate if self.rate else _UNKNOWN
        return Overload(waiting, bound, min(_LONGEST, max(1.0, wait)))


class Backlog:
    """The latest count and what was taken in since: one line a pharmacy, and one of all."""

    def __init__(self, bounds: BacklogLimits) -> None:
        self._bounds = bounds
        self._total = _Line()
        self._lines: dict[int, _Line] = {}

    def count(self, waiting: Mapping[int, int], seconds: float) -> None:
        """A new count: pharmacy id -> records; `seconds` since the count before."""
        self._total.count(sum(waiting.values()), seconds)
        self._lines = {pharmacy: self._lines.get(pharmacy) or _Line() for pharmacy in waiting}
        for pharmacy, records in waiting.items():
            self._lines[pharmacy].count(records, seconds)

    def take(self, pharmacy_id: int, size: int) -> None:
        """A body of `size` decoded bytes was taken in."""
        records = max(1, size // ESTIMATE)
        self._total.taken += records
        self._lines.setdefault(pharmacy_id, _Line()).taken += records

    def excess(self, pharmacy_id: int) -> Overload | None:
        """Why the pharmacy may post nothing now: its own bound first, then that of all."""
        line = self._lines.get(pharmacy_id)
        own = line.excess(self._bounds.pharmacy) if line else None
        return own or self._total.excess(self._bounds.total)
