"""Limit of failures per message, after which a worker dead-letters it."""

from dataclasses import dataclass, field

_MAX_TRACKED_MESSAGES = 1000  # the counts of the oldest are dropped first


@dataclass(slots=True)
class DeliveryLimit:
    """Failures by message body, per process and topic. Equal bodies share one count."""

    max_failures: int = 5
    _counts: dict[bytes, int] = field(default_factory=dict)

    def is_exceeded(self, body: bytes) -> bool:
        """Count one more failure; return whether the message reached the limit."""
        count = self._counts.pop(body, 0) + 1
        self._counts[body] = count
        if len(self._counts) > _MAX_TRACKED_MESSAGES:
            self._counts.pop(next(iter(self._counts)))
        return count >= self.max_failures

    def reset(self, body: bytes) -> None:
        """Drop the count of a message that was processed or dead-lettered."""
        self._counts.pop(body, None)
