"""Lease: renewed while its block runs; losing it cancels the block."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from integrahub.domain.errors import Transient

_LEASE_RENEW_INTERVAL_SECONDS = 5.0


class LeaseLost(Transient):
    """The lease expired, and another worker claimed the work."""


class Lease:
    """Call `renew` in the background; raise LeaseLost in the block when it returns False."""

    def __init__(self, renew: Callable[[], Awaitable[bool]]) -> None:
        self._renew = renew
        self._is_lost = False

    async def __aenter__(self) -> None:
        owner = asyncio.current_task()
        assert owner is not None
        self._task = asyncio.create_task(self._renew_until_lost(owner))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        if self._is_lost and kind is asyncio.CancelledError:
            owner = asyncio.current_task()
            assert owner is not None
            owner.uncancel()
            raise LeaseLost from error

    async def _renew_until_lost(self, owner: asyncio.Task[object]) -> None:
        while True:
            await asyncio.sleep(_LEASE_RENEW_INTERVAL_SECONDS)
            try:
                is_held = await self._renew()
            except Transient:
                continue  # the transaction that completes the work checks the claim again
            if not is_held:
                self._is_lost = True
                owner.cancel()
                return
