"""Circuit breaker of a pipeline step: pauses the step while one cause fails most of its work."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_MIN_FAILURES = 20  # with the same cause
_MIN_PHARMACIES = 3  # so a faulty catalogue of one pharmacy cannot pause the others
_WINDOW_SIZE = 2 * _MIN_FAILURES  # outcomes; a cause that fails less than half of the work never opens the breaker


@dataclass(slots=True)
class StepBreaker:
    """Open for `pause` seconds; each failed attempt after a pause doubles it up to `max_pause`.

    `clock` returns monotonic seconds. The step reports only failures of its own work, never those of a dependency.
    """

    clock: Callable[[], float]
    pause: float = 30.0
    max_pause: float = 600.0
    open_reason: str = ""  # the fingerprint of the cause, until work succeeds again
    _outcomes: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=_WINDOW_SIZE))
    _openings: int = 0
    _open_until: float = 0.0

    def retry_after(self) -> float:
        """Return the seconds until the step may work, 0 if it may work now."""
        return max(0.0, self._open_until - self.clock())

    def record_success(self) -> None:
        """Close the breaker and reset its pause."""
        self._outcomes.append(("", 0))
        self.open_reason, self._openings = "", 0

    def record_failure(self, fingerprint: str, pharmacy_id: int) -> bool:
        """Count a failure of a pharmacy's work; return whether this failure opened the breaker."""
        self._outcomes.append((fingerprint, pharmacy_id))
        pharmacies = Counter(pharmacy for cause, pharmacy in self._outcomes if cause == fingerprint)
        is_widespread = pharmacies.total() >= _MIN_FAILURES and len(pharmacies) >= _MIN_PHARMACIES
        if self.retry_after() or not (is_widespread or self.open_reason == fingerprint):
            return False
        self._open_until = self.clock() + min(self.max_pause, self.pause * 2.0**self._openings)
        self._openings += 1
        self.open_reason = fingerprint
        self._outcomes.clear()
        return True
