"""Circuit breaker of a pipeline step: pauses the step while one cause fails most of its work."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_FAILURES = 20  # of one cause
_PHARMACIES = 3  # over which they must be spread: one pharmacy's own faults cost its own batches alone
_REMEMBERED = 2 * _FAILURES  # outcomes: a cause that spares half of the work never opens the breaker


@dataclass(slots=True)
class StepBreaker:
    """Pauses for `pause` seconds, doubling to `longest` while the first work after it fails again.

    `clock` gives monotonic seconds. Only faults of the work itself are told to it, never those of a dependency.
    """

    clock: Callable[[], float]
    pause: float = 30.0
    longest: float = 600.0
    open_reason: str = ""  # the fingerprint, until work succeeds again
    _outcomes: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _blown: int = 0
    _until: float = 0.0

    def retry_after(self) -> float:
        """Seconds the step pauses from now on; 0 when it may work."""
        return max(0.0, self._until - self.clock())

    def record_success(self) -> None:
        """Work was done."""
        self._outcomes.append(("", 0))
        self.open_reason, self._blown = "", 0

    def record_failure(self, fingerprint: str, pharmacy_id: int) -> bool:
        """Work of a pharmacy failed by its own fault; whether this opened the breaker."""
        self._outcomes.append((fingerprint, pharmacy_id))
        pharmacies = Counter(pharmacy for cause, pharmacy in self._outcomes if cause == fingerprint)
        spread = pharmacies.total() >= _FAILURES and len(pharmacies) >= _PHARMACIES
        if self.retry_after() or not (spread or self.open_reason == fingerprint):
            return False
        self._until = self.clock() + min(self.longest, self.pause * 2.0**self._blown)
        self._blown += 1
        self.open_reason = fingerprint
        self._outcomes.clear()
        return True
