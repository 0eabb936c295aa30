"""Cache whose entries expire after a fixed time."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class TtlCache(Generic[Key, Value]):
    """Keep values for `ttl_seconds`. A full cache is cleared, so it holds at most `max_entries`."""

    def __init__(self, ttl_seconds: float, max_entries: int, clock: Callable[[], float] = monotonic) -> None:
        self._ttl_seconds = ttl_seconds
        self._max_entries = max_entries
        self._clock = clock
        self._entries: dict[Key, tuple[Value, float]] = {}

    def __contains__(self, key: Key) -> bool:
        """Return whether the key has an entry, even an expired one."""
        return key in self._entries

    def get(self, key: Key) -> Value | None:
        """Return the value, or None if there is none or it has expired."""
        entry = self._entries.get(key)
        return entry[0] if entry is not None and self._clock() - entry[1] < self._ttl_seconds else None

    def put(self, key: Key, value: Value) -> None:
        """Store a value from now on."""
        if len(self._entries) >= self._max_entries:
            self._entries.clear()
        self._entries[key] = (value, self._clock())

    def remove(self, key: Key) -> None:
        """Remove the entry of a key, if there is one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
