"""Limits on reads by clients: concurrency and rate per key, a time limit, and cancellation when the client leaves.

Concurrency and rate count clients' changes too, such as that of a webhook's address. Searches of products have slots
of their own: each reads a whole catalogue, and a read of one product does not wait for them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from time import perf_counter
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from integrahub.access.rate_limiter import RateLimiter, raise_if_limited
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import StatementTimeout, TooManyRequests, Unavailable
from integrahub.resilience.bulkhead import Bulkhead, BulkheadFull
from integrahub.resilience.rate_limit import RateLimit

_MAX_WAITING_READS = 20  # per key
_WAIT_TIMEOUT_SECONDS = 5.0
_SEARCH_PATH = "/v1/products"
Handle = Callable[[Request], Awaitable[Response]]


class ReadLimits(NamedTuple):
    """Limits on the reads of one key: rate (None: unlimited), concurrency, and seconds a statement may take."""

    rate: RateLimit | None
    concurrency: int
    timeout: float


class ReadLimiter:
    """Handle reads within the limits of their keys.

    A read counts until its answer is sent, a stream of events only until it begins.
    """

    def __init__(self, limiter: RateLimiter, limits: ReadLimits) -> None:
        self._limiter = limiter
        self._limits = limits
        self._bulkhead = Bulkhead(
            limits.concurrency, max_waiting=_MAX_WAITING_READS, timeout_seconds=_WAIT_TIMEOUT_SECONDS
        )

    async def __call__(self, caller: Caller, request: Request, handle: Handle) -> Response:
        """Return the answer. Raise TooManyRequests over a limit, Unavailable for a read that takes too long."""
        await self._hit(caller)
        async with AsyncExitStack() as stack:
            await self._take_slot(f"search:{caller.name}" if _is_search(request) else caller.name, stack)
            answer = await self.unlimited(request, handle)
            return answer if isinstance(answer, LongLivedResponse) else _SlotHoldingResponse(answer, stack.pop_all())

    async def unlimited(self, request: Request, handle: Handle) -> Response:
        """Return the answer to a read that no rate limits, such as an operator's. It ends as all others."""
        try:
            return await _cancel_on_disconnect(request, handle)
        except StatementTimeout:
            raise Unavailable("read_too_slow", self._limits.timeout, seconds=self._limits.timeout) from None

    async def change(self, caller: Caller, request: Request, handle: Handle) -> Response:
        """Return the answer to a change, which ends even if the client disconnects."""
        await self._hit(caller)
        async with AsyncExitStack() as stack:
            await self._take_slot(caller.name, stack)
            return await handle(request)

    async def _take_slot(self, subject: str, stack: AsyncExitStack) -> None:
        try:
            await stack.enter_async_context(self._bulkhead(subject))
        except BulkheadFull:
            raise TooManyRequests("reads_at_once", 1.0, {}, at_once=self._limits.concurrency) from None

    async def _hit(self, caller: Caller) -> None:
        rate = self._limits.rate
        if rate is not None and caller.rate_limit != "off":
            raise_if_limited("reads_limited", rate, await self._limiter.hit(f"reads:{caller.name}", rate))


def _is_search(request: Request) -> bool:
    return getattr(request.scope.get("route"), "path", "") == _SEARCH_PATH


async def _cancel_on_disconnect(request: Request, handle: Handle) -> Response:
    """Return the answer of `handle`. If the client disconnects first, cancel it and its statement."""
    work = asyncio.ensure_future(handle(request))
    disconnect = asyncio.ensure_future(_wait_for_disconnect(request.receive))
    try:
        await asyncio.wait((work, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        for task in (work, disconnect):
            task.cancel()
        await asyncio.gather(work, disconnect, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


class LongLivedResponse(StreamingResponse):
    """Answer that lasts until an event ends it, within its own `hold` instead of the slot of a read.

    Its duration in metrics is the time until it begins.
    """

    def __init__(self, content: AsyncIterator[bytes], hold: AbstractContextManager[None], **options: Any) -> None:
        super().__init__(content, **options)
        self._hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer until it ends or the client disconnects."""
        scope["answered_at"] = perf_counter()
        with self._hold:
            await super().__call__(scope, receive, send)


class _SlotHoldingResponse(Response):
    """Answer that holds the bulkhead slot of its read until it is sent or cannot be sent."""

    def __init__(self, answer: Response, slot: AsyncExitStack) -> None:
        self._answer = answer
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then release the slot."""
        async with self._slot:
            await self._answer(scope, receive, send)
