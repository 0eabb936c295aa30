"""Strikes: how often a message made its step fail by its own fault, so that it is not tried for ever. Pure."""

from dataclasses import dataclass, field

_KNOWN = 1000  # messages remembered; the oldest are forgotten first


@dataclass(slots=True)
class DeliveryLimit:
    """Of one topic in one process: a restart begins anew. `most`: failures that are enough."""

    most: int = 5
    _counts: dict[bytes, int] = field(default_factory=dict)

    def is_out(self, body: bytes) -> bool:
        """One failure more: whether these were enough."""
        count = self._counts.pop(body, 0) + 1
        if count >= self.most:
            return True
        self._counts[body] = count
        if len(self._counts) > _KNOWN:
            self._counts.pop(next(iter(self._counts)))
        return False

    def forget(self, body: bytes) -> None:
        """It was worked on after all."""
        self._counts.pop(body, None)
