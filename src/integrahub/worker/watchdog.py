"""Detection of stuck loops, for the liveness probe."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

_STUCK_AFTER_SECONDS = 600.0


@dataclass(slots=True)
class LoopWatchdog:
    """Time of the last iteration of each loop, in seconds of a monotonic clock."""

    clock: Callable[[], float] = monotonic
    last_beats: dict[str, float] = field(default_factory=dict)

    def beat(self, loop: str) -> None:
        """Record an iteration of `loop`."""
        self.last_beats[loop] = self.clock()

    def stuck(self) -> list[str]:
        """Return a sentence for each loop without an iteration for ten minutes."""
        ages = {loop: self.clock() - at for loop, at in self.last_beats.items()}
        return [f"loop {loop} is stuck for {age:.0f} s" for loop, age in ages.items() if age > _STUCK_AFTER_SECONDS]
