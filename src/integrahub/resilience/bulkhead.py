"""Seats: a bound on how much of one kind is under way at once, for each of many and with a short queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


class Crowded(Exception):
    """All seats are taken, and the queue is full or did not move in time."""


@dataclass(slots=True)
class _Row:
    """The seats of one subject."""

    free: asyncio.Semaphore
    users: int = 0  # that sit or wait


class Seats:
    """`at_once` seats for each subject; `waiting` more may wait, `seconds` each."""

    def __init__(self, at_once: int, *, waiting: int, seconds: float) -> None:
        self._at_once = at_once
        self._waiting = waiting
        self._seconds = seconds
        self._rows: dict[str, _Row] = {}

    @asynccontextmanager
    async def __call__(self, subject: str) -> AsyncIterator[None]:
        """Hold a seat while the block runs; Crowded when none becomes free in time."""
        row = self._rows.setdefault(subject, _Row(asyncio.Semaphore(self._at_once)))
        if row.users >= self._at_once + self._waiting:
            raise Crowded
        row.users += 1
        try:
            await self._sit(row)
            try:
                yield
            finally:
                row.free.release()
        finally:
            row.users -= 1
            if not row.users:
                self._rows.pop(subject, None)

    async def _sit(self, row: _Row) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await row.free.acquire()
        except TimeoutError:
            raise Crowded from None
