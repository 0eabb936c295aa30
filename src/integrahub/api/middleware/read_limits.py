"""Reads of clients: few at once and so many a minute for each key, and ended when the client has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from integrahub.access.rate_limiter import RateLimiter, raise_if_limited
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import StatementTimeout, TooManyRequests, Unavailable
from integrahub.resilience.bulkhead import Bulkhead, BulkheadFull
from integrahub.resilience.rate_limit import RateLimit

_MAX_WAITING = 20  # reads of a key that wait for others of it
_WAIT_SECONDS = 5.0  # that one waits
Handle = Callable[[Request], Awaitable[Response]]


class ReadLimits(NamedTuple):
    """Reads of one key: how many in a while (None: any number), how many at once; seconds a statement may take."""

    rate: RateLimit | None
    at_once: int
    timeout: float


class ReadLimiter:
    """Answer reads within the bounds of their keys. A read lasts until its answer is taken."""

    def __init__(self, limiter: RateLimiter, bounds: ReadLimits) -> None:
        self._limiter = limiter
        self._bounds = bounds
        self._bulkhead = Bulkhead(bounds.at_once, max_waiting=_MAX_WAITING, timeout_seconds=_WAIT_SECONDS)

    async def __call__(self, caller: Caller, request: Request, handle: Handle) -> Response:
        """Return the answer; TooManyRequests over a bound, Unavailable for a read that takes too long."""
        await self._count(caller)
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._bulkhead(caller.name))
            except BulkheadFull:
                raise TooManyRequests("reads_at_once", 1.0, {}, at_once=self._bounds.at_once) from None
            try:
                answer = await _unless_gone(request, handle)
            except StatementTimeout:
                raise Unavailable("read_too_slow", self._bounds.timeout, seconds=self._bounds.timeout) from None
            return _Held(answer, stack.pop_all())

    async def _count(self, caller: Caller) -> None:
        rate = self._bounds.rate
        if rate is not None and caller.rate_limit != "off":
            raise_if_limited("reads_limited", rate, await self._limiter.hit(f"reads:{caller.name}", rate))


async def _unless_gone(request: Request, handle: Handle) -> Response:
    """Return the answer of `handle`; when the client goes away first, end it, and its statement with it."""
    work = asyncio.ensure_future(handle(request))
    gone = asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


class _Held(Response):
    """An answer that keeps its seat until it is sent or cannot be."""

    def __init__(self, answer: Response, seat: AsyncExitStack) -> None:
        self._answer = answer
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then give up the seat."""
        async with self._seat:
            await self._answer(scope, receive, send)
