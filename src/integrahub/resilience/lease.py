"""A lease is renewed while the work goes on; when it is lost, the work stops."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from integrahub.domain.errors import Transient

_RENEW = 5.0  # seconds


class LeaseLost(Transient):
    """Another worker holds this work now."""


class Lease:
    """Renews in the background; cancels the surrounding task when the lease is lost."""

    def __init__(self, renew: Callable[[], Awaitable[bool]]) -> None:
        self._renew = renew
        self._lost = False

    async def __aenter__(self) -> None:
        owner = asyncio.current_task()
        assert owner is not None
        self._task = asyncio.create_task(self._keep(owner))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        if self._lost and kind is asyncio.CancelledError:
            owner = asyncio.current_task()
            assert owner is not None
            owner.uncancel()
            raise LeaseLost from error

    async def _keep(self, owner: asyncio.Task[object]) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            try:
                held = await self._renew()
            except Transient:
                continue  # the effect's own guard decides in the end
            if not held:
                self._lost = True
                owner.cancel()
                return
