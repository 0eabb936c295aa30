"""Threads for calls of the operating system that may hang with the disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

_THREADS = 8
_T = TypeVar("_T")
Run = Callable[..., Awaitable[Any]]


class Held(Protocol):
    """Something open: `abandon` comes when nobody waits any more, `tidy` after its last call has returned."""

    def abandon(self) -> None:
        """Do no more than end; called from any thread."""
        ...

    def tidy(self) -> None:
        """Close, and remove what is not finished. Runs in a thread, once."""
        ...


class DiskThreads:
    """Threads of their own: those that names are resolved with must not wait for a disk."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, "disk")

    async def run(self, call: Callable[[], _T]) -> _T:
        """Return what the call returns. Who is cancelled does not wait for it."""
        return await asyncio.wrap_future(self._executor.submit(call))

    @asynccontextmanager
    async def using(self, held: Held) -> AsyncIterator[Run]:
        """Give what runs calls one after the other; `held` is tidied after the last of them."""
        last: Future[Any] | None = None

        async def run(call: Callable[..., _T], *values: Any) -> _T:
            nonlocal last
            last = self._executor.submit(call, *values)
            return await asyncio.wrap_future(last)

        try:
            yield run
        except Exception:
            held.abandon()
            await asyncio.shield(self.run(held.tidy))
            raise
        except BaseException:  # cancelled, or a reader that stopped: the call under way may hang
            held.abandon()
            self._tidy_after(last, held)
            raise
        self._submit(held.tidy)

    def _tidy_after(self, last: "Future[Any] | None", held: Held) -> None:
        if last is not None:
            last.add_done_callback(lambda _: self._submit(held.tidy))

    def _submit(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the process ends
            self._executor.submit(call)
