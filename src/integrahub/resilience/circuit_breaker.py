"""Circuit breaker: stops calls to a dependency that keeps failing, then lets one call through as a trial."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from integrahub.domain.errors import Transient


class CircuitState(StrEnum):
    """State of a circuit breaker."""

    CLOSED = "closed"  #: Calls go through.
    OPEN = "open"  #: Calls are refused immediately.
    HALF_OPEN = "half-open"  #: One call is the trial; all others are refused.


class CircuitOpen(Transient):
    """The circuit breaker is open; the caller may retry after `retry_after` seconds."""

    def __init__(self, dependency: str, retry_after: float, last_error: str) -> None:
        super().__init__(
            f"Circuit breaker for {dependency} is open; retry in {retry_after:.1f} s. Last error: {last_error}"
        )
        self.retry_after = retry_after
        self.last_error = last_error


@dataclass(slots=True)
class CircuitBreaker:
    """Open after `threshold` consecutive failures for `pause` seconds; each failed trial doubles it up to `max_pause`.

    `clock` returns monotonic seconds. Callers report only failures of the dependency itself.
    """

    dependency: str
    clock: Callable[[], float]
    threshold: int = 5
    pause: float = 1.0
    max_pause: float = 2.0
    last_error: str = ""
    _failed_at: float = float("-inf")
    _failures: int = 0
    _openings: int = 0
    _open_until: float | None = None
    _is_trial_running: bool = False

    @property
    def state(self) -> CircuitState:
        """Return the state at this moment."""
        if self._open_until is None:
            return CircuitState.CLOSED
        is_open = self.clock() < self._open_until and not self._is_trial_running
        return CircuitState.OPEN if is_open else CircuitState.HALF_OPEN

    def retry_after(self) -> float:
        """Return the seconds until a call may be tried; 0 if it may be tried now."""
        return max(0.0, self._open_until - self.clock()) if self._open_until is not None else 0.0

    def seconds_since_failure(self) -> float:
        """Return the seconds since the last failure, infinity if there was none."""
        return self.clock() - self._failed_at

    def check(self) -> None:
        """Allow a call, or raise CircuitOpen. After the pause, the first call is the trial."""
        if self._open_until is None:
            return
        if self._is_trial_running or self.clock() < self._open_until:
            raise CircuitOpen(self.dependency, max(self.retry_after(), self.pause), self.last_error)
        self._is_trial_running = True

    def record_success(self) -> None:
        """Close the breaker: the dependency answered, even if with an error."""
        self._failures = self._openings = 0
        self._open_until, self._is_trial_running = None, False

    def record_failure(self, error: BaseException, weight: int = 1) -> None:
        """Count a failure of the dependency. A call that ran into a timeout has more weight than a refused one."""
        self._failed_at = self.clock()
        self._failures += weight
        self.last_error = str(error)[:300]
        if self._open_until is not None and not self._is_trial_running:
            return  # this call began before the breaker opened, so it must not extend the pause
        if self._is_trial_running or self._failures >= self.threshold:
            self._open_until = self.clock() + min(self.max_pause, self.pause * 2.0**self._openings)
            self._openings += 1
            self._is_trial_running = False

    def release(self) -> None:
        """End a trial that was cancelled without a result, so that another call can be the trial."""
        self._is_trial_running = False
