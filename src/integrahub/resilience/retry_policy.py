"""When to try again, decided purely: the caller does the waiting and the writing."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter. Delays in seconds."""

    attempts: int = 3
    crashes: int = 5
    base: float = 1.0
    longest: float = 60.0

    def decide(self, attempts: int, *, draw: float | None = None) -> float | None:
        """Seconds until the next try after `attempts` failed ones, or None: the work is dead."""
        if attempts >= self.attempts:
            return None
        ceiling = min(self.longest, self.base * 2.0 ** (attempts - 1))
        jitter = random.random() if draw is None else draw
        return float(ceiling * (0.5 + 0.5 * jitter))
