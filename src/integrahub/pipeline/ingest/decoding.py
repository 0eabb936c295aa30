"""Decoding slots: limits on the encoded bodies that one process decodes at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from integrahub.domain.errors import TooManyRequests, Unavailable
from integrahub.resilience.bulkhead import Bulkhead, BulkheadFull

_MAX_WAITING_PER_CLIENT, _MAX_WAITING = 8, 24  # bodies that may wait for a slot
_SLOT_TIMEOUT_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 5.0


class Decoding:
    """Share the event loop among encoded bodies. Small bodies take no slot and no turn.

    A slot lasts for the whole body, a turn for one slice of it.
    """

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client = per_client
        self._total = total
        self._client_slots = Bulkhead(
            per_client, max_waiting=_MAX_WAITING_PER_CLIENT, timeout_seconds=_SLOT_TIMEOUT_SECONDS
        )
        self._slots = Bulkhead(total, max_waiting=_MAX_WAITING, timeout_seconds=_SLOT_TIMEOUT_SECONDS)
        self._turn = asyncio.Lock()

    async def acquire_slot(self, client: str) -> AsyncExitStack:
        """Return a slot for one body; the caller closes it after the body.

        Raise TooManyRequests if the client has no free slot in time, Unavailable if the process has none.
        """
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._client_slots(client))
            except BulkheadFull:
                facts = {"at_once": self._per_client}
                raise TooManyRequests("encoded_uploads_at_once", _RETRY_AFTER_SECONDS, {}, **facts) from None
            try:
                await stack.enter_async_context(self._slots(""))
            except BulkheadFull:
                raise Unavailable("hub_decoding", _RETRY_AFTER_SECONDS, at_once=self._total) from None
            return stack.pop_all()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the turn to decode one slice; every ready task runs before the next slice."""
        async with self._turn:
            yield
            await asyncio.sleep(0)
