"""Retry policy: exponential backoff with jitter. Pure."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Allow `attempts` failed attempts, and `crashes` lost workers. Delays grow from `base` to `max_delay` seconds.

    Of chunks and of splits. `DeliveryLimit` limits the failures of a message.
    """

    attempts: int = 3
    crashes: int = 5
    base: float = 1.0
    max_delay: float = 60.0

    def decide(self, attempts: int, *, draw: float | None = None) -> float | None:
        """Return the seconds until the next attempt after `attempts` failed ones, or None to dead-letter the work."""
        if attempts >= self.attempts:
            return None
        ceiling = min(self.max_delay, self.base * 2.0 ** (attempts - 1))
        jitter = random.random() if draw is None else draw
        return float(ceiling * (0.5 + 0.5 * jitter))
