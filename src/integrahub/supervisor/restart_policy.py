"""Delays before the restart of a process that ended unexpectedly. No I/O: the supervisor waits and starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Growing delays; then a crash loop with slow restarts; then none until an operator orders one. Times in seconds.

    Crashes count as consecutive unless the process ran longer than `stable_after` between them.
    """

    first_delay: float = 0.2
    max_delay: float = 30.0
    stable_after: float = 60.0
    crash_loop_after: int = 6  # consecutive crashes
    crash_loop_delay: float = 300.0
    crash_loop_restarts: int = 5

    def count_crashes(self, before: int, uptime: float) -> int:
        """Return the number of consecutive crashes after another one, `uptime` seconds after the start."""
        return 1 if uptime > self.stable_after else before + 1

    def is_crash_loop(self, crashes: int) -> bool:
        """Return whether that many consecutive crashes are a crash loop, which is reported to operators."""
        return crashes >= self.crash_loop_after

    def delay(self, crashes: int) -> float | None:
        """Return the seconds until the next start; None: only an operator's order restarts the process."""
        restarts = crashes - self.crash_loop_after
        if restarts < 0:
            return min(self.max_delay, self.first_delay * 2.0 ** (crashes - 1))
        return self.crash_loop_delay * 2.0**restarts if restarts < self.crash_loop_restarts else None
