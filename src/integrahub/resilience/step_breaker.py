"""The fuse of a step: when one cause fails whatever is worked on, the step pauses, so that not all of it dies."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_FAILURES = 20  # of one cause
_PHARMACIES = 3  # over which they must be spread: one pharmacy's own faults cost its own batches alone
_REMEMBERED = 2 * _FAILURES  # outcomes: a cause that spares half of the work blows no fuse


@dataclass(slots=True)
class StepBreaker:
    """Pauses for `pause` seconds, doubling to `longest` while the first work after it fails again.

    `clock` gives monotonic seconds. Only faults of the work itself are told to it, never those of a dependency.
    """

    clock: Callable[[], float]
    pause: float = 30.0
    longest: float = 600.0
    blown_by: str = ""  # the fingerprint, until work succeeds again
    _outcomes: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _blown: int = 0
    _until: float = 0.0

    def remaining(self) -> float:
        """Seconds the step pauses from now on; 0 when it may work."""
        return max(0.0, self._until - self.clock())

    def succeeded(self) -> None:
        """Work was done."""
        self._outcomes.append(("", 0))
        self.blown_by, self._blown = "", 0

    def failed(self, fingerprint: str, pharmacy_id: int) -> bool:
        """Work of a pharmacy failed by its own fault; whether this blew the fuse."""
        self._outcomes.append((fingerprint, pharmacy_id))
        pharmacies = Counter(pharmacy for cause, pharmacy in self._outcomes if cause == fingerprint)
        spread = pharmacies.total() >= _FAILURES and len(pharmacies) >= _PHARMACIES
        if self.remaining() or not (spread or self.blown_by == fingerprint):
            return False
        self._until = self.clock() + min(self.longest, self.pause * 2.0**self._blown)
        self._blown += 1
        self.blown_by = fingerprint
        self._outcomes.clear()
        return True
