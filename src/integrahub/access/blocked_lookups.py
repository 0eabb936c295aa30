"""Look-ups of keys from addresses that are blocked for wrong ones: few at once, so that guessing costs little."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

_AT_ONCE = 2  # look-ups under way
_MAX_WAITING = 100  # that wait for those
_CHOSEN, _CHOSEN_SECONDS = 20, 60.0  # keys that people choose, of an address, in so many seconds
_MAX_ADDRESSES = 10_000
Found = TypeVar("Found")


class LookupLimitReached(Exception):
    """As many keys are looked up as may be."""


class LookupLimit:
    """Bound the look-ups of keys that are not remembered, by address: a flood of keys leaves the database to others."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[asyncio.Semaphore, int]] = {}  # and how many hold it or wait for it

    @asynccontextmanager
    async def __call__(self, place: str) -> AsyncIterator[None]:
        """Wait for a turn of the address."""
        free, count = self._of.get(place, (asyncio.Semaphore(_AT_ONCE), 0))
        self._of[place] = free, count + 1
        try:
            async with free:
                yield
        finally:
            _, count = self._of.pop(place)
            if count > 1:
                self._of[place] = free, count - 1


class BlockedLookupLimit:
    """Bound the look-ups of blocked addresses.

    A key the hub made cannot be guessed, so only the cost of looking counts; one that a person chose might be.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._chosen: dict[str, tuple[float, int]] = {}  # by address: when the count began, and the count

    async def __call__(self, place: str, look: Callable[[], Awaitable[Found]], *, is_chosen: bool) -> Found:
        """Return what `look` finds; LookupLimitReached when there is none."""
        if self._waiting >= _MAX_WAITING or (is_chosen and not self._take(place)):
            raise LookupLimitReached
        self._waiting += 1
        try:
            async with self._free:
                return await look()
        finally:
            self._waiting -= 1

    def _take(self, place: str) -> bool:
        begun, count = self._chosen.get(place, (0.0, 0))
        if monotonic() - begun > _CHOSEN_SECONDS:
            begun, count = monotonic(), 0
        if count >= _CHOSEN:
            return False
        if len(self._chosen) > _MAX_ADDRESSES:
            self._chosen.clear()
        self._chosen[place] = (begun, count + 1)
        return True
