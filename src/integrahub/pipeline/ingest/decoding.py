"""Bodies that must be decoded: few at once, and one slice of one body a turn of the event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from integrahub.domain.errors import TooManyRequests, Unavailable
from integrahub.resilience.bulkhead import Crowded, Seats

_MAX_WAITING_PER_CLIENT, _MAX_WAITING = 8, 24  # bodies that wait for a seat, of one client and of all
_SEAT_TIMEOUT_SECONDS = 10.0  # that one waits
_RETRY_AFTER_SECONDS = 5.0


class Decoding:
    """What the encoded bodies of a process share. Small ones need neither seat nor turn."""

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client = per_client
        self._total = total
        self._clients = Seats(per_client, waiting=_MAX_WAITING_PER_CLIENT, seconds=_SEAT_TIMEOUT_SECONDS)
        self._all = Seats(total, waiting=_MAX_WAITING, seconds=_SEAT_TIMEOUT_SECONDS)
        self._turn = asyncio.Lock()

    async def acquire_seat(self, client: str) -> AsyncExitStack:
        """Return the seat of a body, to be closed at its end; TooManyRequests or Unavailable when there is none."""
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._clients(client))
            except Crowded:
                facts = {"at_once": self._per_client}
                raise TooManyRequests("encoded_uploads_at_once", _RETRY_AFTER_SECONDS, {}, **facts) from None
            try:
                await stack.enter_async_context(self._all(""))
            except Crowded:
                raise Unavailable("hub_decoding", _RETRY_AFTER_SECONDS, at_once=self._total) from None
            return stack.pop_all()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the turn to decode one slice; all else that is ready runs before the next."""
        async with self._turn:
            yield
            await asyncio.sleep(0)
