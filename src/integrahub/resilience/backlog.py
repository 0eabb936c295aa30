"""Backlog of waiting records: its size, its drain rate, and when a refused client may retry. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

ESTIMATED_RECORD_BYTES = 500  # of a body that is not split yet, so its records are not counted
_RESUME_RATIO = 0.9  # a refused client may retry when the backlog is below this share of its limit
_DEFAULT_RETRY_SECONDS = 30.0  # while the drain rate is unknown
_MAX_RETRY_SECONDS = 300.0
_RATE_WEIGHT = 0.3  # of the newest observation in the moving average


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """Maximum number of waiting records of one pharmacy and of all pharmacies. 0: no limit."""

    pharmacy: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Overload:
    """A limit that is reached: `waiting` and `bound` in records, `retry_after` in seconds."""

    waiting: int
    bound: int
    retry_after: float


@dataclass(slots=True)
class _Queue:
    """Waiting records at the last count, records accepted since then, and records drained per second."""

    waiting: int = 0
    accepted: int = 0
    rate: float = 0.0

    def update(self, waiting: int, seconds: float) -> None:
        drained = max(0, self.waiting + self.accepted - waiting) / seconds
        self.rate = drained if not self.rate else (1 - _RATE_WEIGHT) * self.rate + _RATE_WEIGHT * drained
        self.waiting, self.accepted = waiting, 0

    def find_overload(self, bound: int) -> Overload | None:
        waiting = self.waiting + self.accepted
        if not bound or waiting < bound:
            return None
        wait = (waiting - _RESUME_RATIO * bound) / self.rate if self.rate else _DEFAULT_RETRY_SECONDS
        return Overload(waiting, bound, min(_MAX_RETRY_SECONDS, max(1.0, wait)))


class Backlog:
    """Records that wait, per pharmacy and in total: the latest count plus the records accepted since then."""

    def __init__(self, limits: BacklogLimits) -> None:
        self._limits = limits
        self._total = _Queue()
        self._queues: dict[int, _Queue] = {}

    def update(self, waiting: Mapping[int, int], seconds: float) -> None:
        """Store a new count of records by pharmacy id, `seconds` after the previous one."""
        self._total.update(sum(waiting.values()), seconds)
        self._queues = {pharmacy: self._queues.get(pharmacy) or _Queue() for pharmacy in waiting}
        for pharmacy, records in waiting.items():
            self._queues[pharmacy].update(records, seconds)

    def record(self, pharmacy_id: int, size: int) -> None:
        """Add an accepted body of `size` decoded bytes."""
        records = max(1, size // ESTIMATED_RECORD_BYTES)
        self._total.accepted += records
        self._queues.setdefault(pharmacy_id, _Queue()).accepted += records

    def find_overload(self, pharmacy_id: int) -> Overload | None:
        """Return the limit that the pharmacy reached, else the total limit if that is reached, else None."""
        queue = self._queues.get(pharmacy_id)
        own = queue.find_overload(self._limits.pharmacy) if queue else None
        return own or self._total.find_overload(self._limits.total)
