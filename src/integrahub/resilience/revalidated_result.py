"""Result that is kept while a new one is made (stale-while-revalidate, RFC 5861), with a bound on its age."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from integrahub.resilience.single_flight import SingleFlight

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Result]):
    result: Result
    began: float


class RevalidatedResult(Generic[Result]):
    """Keep the result of `call`; at most one call runs at a time.

    The age of a result counts from the start of its call. A result younger than `ttl_seconds` is returned as it is.
    After that a caller starts a new call and waits for it; if it takes longer than `wait_seconds`, the caller gets the
    kept result, unless that is too old. An error of the new call within this time is raised.
    """

    def __init__(
        self,
        call: Callable[[], Coroutine[Any, Any, Result]],
        ttl_seconds: float,
        wait_seconds: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._call = call
        self._ttl_seconds = ttl_seconds
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._kept: _Kept[Result] | None = None
        self._flight = SingleFlight[None, _Kept[Result]]()

    async def __call__(self, max_age_seconds: float) -> Result:
        """Return a result of at most this age when the caller asked; 0: of a call that begins now."""
        asked, kept = self._clock(), self._kept
        oldest = asked - max_age_seconds
        if kept and kept.began > asked - min(self._ttl_seconds, max_age_seconds):
            return kept.result
        running = self._flight.start(None, self._run)
        if kept and kept.began > oldest:
            await asyncio.wait({running}, timeout=self._wait_seconds)
            if not running.done():
                return kept.result
        new = await asyncio.shield(running)
        while new.began < oldest:  # it ran before the caller asked
            new = await self._flight(None, self._run)
        return new.result

    async def _run(self) -> _Kept[Result]:
        began = self._clock()
        self._kept = _Kept(await self._call(), began)
        return self._kept
