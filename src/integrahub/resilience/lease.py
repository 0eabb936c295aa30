"""Lease: renewed while its block runs; losing it cancels the block."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic, process_time
from types import TracebackType

from integrahub.domain.errors import Transient

_LEASE_RENEW_INTERVAL_SECONDS = 5.0
_MIN_PREVENTED_SECONDS = 10.0  # without a renewal; then a lease of 15 seconds may have expired
_MAX_IDLE_CPU_SHARE = 0.1


class LeaseLost(Transient):
    """The lease expired, and another worker claimed the work."""


class Lease:
    """Call `renew` in the background; raise LeaseLost in the block when it returns False.

    At the end of the block call `on_prevented` if this process could not renew for long and used little CPU meanwhile:
    it was frozen, or the database did not answer. Work that kept it too busy to renew is no such excuse.
    """

    def __init__(self, renew: Callable[[], Awaitable[bool]], on_prevented: Callable[[], Awaitable[None]]) -> None:
        self._renew = renew
        self._on_prevented = on_prevented
        self._is_lost = False
        self._note_renewal()

    async def __aenter__(self) -> None:
        owner = asyncio.current_task()
        assert owner is not None
        self._cancels = owner.cancelling()
        self._task = asyncio.create_task(self._renew_until_lost(owner))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        # The error of a cancelled task refers to its frame, and so to this lease: a cycle that would keep the claimed
        # work, bodies included, in memory until the cycle collector runs.
        del self._task
        if self._was_prevented():
            with suppress(Transient):
                await self._on_prevented()
        if self._is_lost and kind is asyncio.CancelledError:
            owner = asyncio.current_task()
            assert owner is not None
            if owner.uncancel() <= self._cancels:  # else the process also stops, which goes first
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
            self._note_renewal()

    def _was_prevented(self) -> bool:
        silent, used = monotonic() - self._renewed_at, process_time() - self._cpu_at_renewal
        return silent > _MIN_PREVENTED_SECONDS and used < silent * _MAX_IDLE_CPU_SHARE

    def _note_renewal(self) -> None:
        self._renewed_at, self._cpu_at_renewal = monotonic(), process_time()
