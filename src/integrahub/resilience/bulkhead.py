"""Bulkhead: limits how much work of one subject runs at a time, with a short queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


class BulkheadFull(Exception):
    """All slots of the subject are in use, and its queue is full or did not move in time."""


@dataclass(slots=True)
class _Slots:
    """The slots of one subject; `users` counts those that hold a slot or wait for one."""

    free: asyncio.Semaphore
    users: int = 0


class Bulkhead:
    """`concurrency` slots per subject; `max_waiting` more callers may wait, each for at most `timeout_seconds`."""

    def __init__(self, concurrency: int, *, max_waiting: int, timeout_seconds: float) -> None:
        self._concurrency = concurrency
        self._max_waiting = max_waiting
        self._timeout_seconds = timeout_seconds
        self._slots: dict[str, _Slots] = {}

    @asynccontextmanager
    async def __call__(self, subject: str) -> AsyncIterator[None]:
        """Hold a slot while the block runs. Raise BulkheadFull if none becomes free in time."""
        slots = self._slots.setdefault(subject, _Slots(asyncio.Semaphore(self._concurrency)))
        if slots.users >= self._concurrency + self._max_waiting:
            raise BulkheadFull
        slots.users += 1
        try:
            await self._acquire(slots)
            try:
                yield
            finally:
                slots.free.release()
        finally:
            slots.users -= 1
            if not slots.users:
                self._slots.pop(subject, None)

    async def _acquire(self, slots: _Slots) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await slots.free.acquire()
        except TimeoutError:
            raise BulkheadFull from None
