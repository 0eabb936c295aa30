"""Limit of failures per message, after which a worker dead-letters it, and the ids of those dead letters."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

_MAX_TRACKED_MESSAGES = 1000  # the counts and ids of the oldest are dropped first


@dataclass(slots=True)
class DeliveryLimit:
    """Failures by message body, per process and topic: the fifth makes a dead letter. Equal bodies share one count.

    `RetryPolicy` limits the attempts of chunks and of splits.
    """

    max_failures: int = 5
    _counts: dict[bytes, int] = field(default_factory=dict)
    _letter_ids: dict[object, UUID] = field(default_factory=dict)

    def count_failure(self, body: bytes) -> bool:
        """Count one more failure; return whether the message reached the limit."""
        count = self._counts.pop(body, 0) + 1
        self._counts[body] = count
        if len(self._counts) > _MAX_TRACKED_MESSAGES:
            self._counts.pop(next(iter(self._counts)))
        return count >= self.max_failures

    def reset(self, body: bytes) -> None:
        """Drop the count of a message that was processed or dead-lettered."""
        self._counts.pop(body, None)

    def letter_id(self, token: object) -> UUID:
        """Return the id of the dead letter of one message, identified by the token of its deliveries.

        A message may be delivered again while its dead letter is published, or after a publish whose outcome is
        unknown. The same id lets the database store one letter.
        """
        letter_id = self._letter_ids.setdefault(token, uuid4())
        if len(self._letter_ids) > _MAX_TRACKED_MESSAGES:
            self._letter_ids.pop(next(iter(self._letter_ids)))
        return letter_id
