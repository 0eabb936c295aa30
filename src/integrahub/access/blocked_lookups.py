"""Limits on look-ups of API keys by client network, so that guessing keys costs the database little."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

_LOOKUP_CONCURRENCY = 2
_MAX_WAITING_LOOKUPS = 100
_CHOSEN_QUOTA, _CHOSEN_WINDOW_SECONDS = 20, 60.0  # look-ups of keys that operators chose, per network
_MAX_NETWORKS = 10_000
Found = TypeVar("Found")


class LookupLimitReached(Exception):
    """No further key may be looked up for this network at the moment."""


class LookupLimit:
    """Limit concurrent look-ups of uncached keys per network: a flood of keys leaves the database to others."""

    def __init__(self) -> None:
        self._slots: dict[str, tuple[asyncio.Semaphore, int]] = {}  # with the number of look-ups that run or wait

    @asynccontextmanager
    async def __call__(self, network: str) -> AsyncIterator[None]:
        """Hold a slot of the network while the block runs."""
        slots, count = self._slots.get(network, (asyncio.Semaphore(_LOOKUP_CONCURRENCY), 0))
        self._slots[network] = slots, count + 1
        try:
            async with slots:
                yield
        finally:
            _, count = self._slots.pop(network)
            if count > 1:
                self._slots[network] = slots, count - 1


class BlockedLookupLimit:
    """Limit look-ups for blocked networks.

    A key that the hub generated cannot be guessed, so only its look-up costs. A key that an operator chose might be
    guessed, so its look-ups are also limited by a quota per network.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_LOOKUP_CONCURRENCY)
        self._waiting = 0
        self._chosen: dict[str, tuple[float, int]] = {}  # by network: start of the window, look-ups in it

    async def __call__(self, network: str, look_up: Callable[[], Awaitable[Found]], *, is_chosen: bool) -> Found:
        """Return the result of `look_up`. Raise LookupLimitReached if it may not run now."""
        if self._waiting >= _MAX_WAITING_LOOKUPS or (is_chosen and not self._hit(network)):
            raise LookupLimitReached
        self._waiting += 1
        try:
            async with self._slots:
                return await look_up()
        finally:
            self._waiting -= 1

    def _hit(self, network: str) -> bool:
        """Count a look-up of a chosen key; return whether it is within the quota."""
        started_at, count = self._chosen.get(network, (0.0, 0))
        if monotonic() - started_at > _CHOSEN_WINDOW_SECONDS:
            started_at, count = monotonic(), 0
        if count >= _CHOSEN_QUOTA:
            return False
        if len(self._chosen) > _MAX_NETWORKS:
            self._chosen.clear()
        self._chosen[network] = (started_at, count + 1)
        return True
