"""Circuit breakers: a dependency that keeps failing is left alone for a while, then tried by one call."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from integrahub.domain.errors import Transient


class CircuitState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"  #: Calls go through.
    OPEN = "open"  #: Calls are refused at once.
    HALF_OPEN = "half-open"  #: One call tries whether the dependency is back.


class CircuitOpen(Transient):
    """The dependency failed too often just now; calls wait `retry_after` seconds."""

    def __init__(self, dependency: str, retry_after: float, last_error: str) -> None:
        super().__init__(f"{dependency} is left alone for {retry_after:.1f} s: {last_error}")
        self.retry_after = retry_after
        self.last_error = last_error


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `threshold` failures in a row, for `pause` seconds, doubling to `longest` while trials fail.

    `clock` gives monotonic seconds. Only faults of the dependency itself are told to it.
    """

    dependency: str
    clock: Callable[[], float]
    threshold: int = 5
    pause: float = 1.0
    longest: float = 2.0
    last_error: str = ""
    _failed_at: float = float("-inf")
    _failures: int = 0
    _openings: int = 0
    _until: float | None = None
    _trying: bool = False

    @property
    def state(self) -> CircuitState:
        """As it is now."""
        if self._until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.clock() < self._until and not self._trying else CircuitState.HALF_OPEN

    def retry_after(self) -> float:
        """Seconds until a call may be tried; 0 when it may now."""
        return max(0.0, self._until - self.clock()) if self._until is not None else 0.0

    def seconds_since_failure(self) -> float:
        """Return how long ago the last failure was, infinity when there was none."""
        return self.clock() - self._failed_at

    def check(self) -> None:
        """Before each call; BreakerOpen when it must wait."""
        if self._until is None:
            return
        if self._trying or self.clock() < self._until:
            raise CircuitOpen(self.dependency, max(self.retry_after(), self.pause), self.last_error)
        self._trying = True

    def record_success(self) -> None:
        """The dependency answered, whatever it said."""
        self._failures = self._openings = 0
        self._until, self._trying = None, False

    def record_failure(self, error: BaseException, weight: int = 1) -> None:
        """Count a failure of the dependency; one that cost a whole deadline weighs more than a quick refusal."""
        self._failed_at = self.clock()
        self._failures += weight
        self.last_error = str(error)[:300]
        if self._until is not None and not self._trying:
            return  # the call began before the breaker opened and says nothing new
        if self._trying or self._failures >= self.threshold:
            self._until = self.clock() + min(self.longest, self.pause * 2.0**self._openings)
            self._openings += 1
            self._trying = False

    def release(self) -> None:
        """The call was abandoned: nothing is known; another may try."""
        self._trying = False
