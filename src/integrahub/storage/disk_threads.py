"""Threads for file operations, which may hang with the disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

_THREADS = 8
_T = TypeVar("_T")
Run = Callable[..., Awaitable[Any]]


class OpenFile(Protocol):
    """An open file: `abandon` is called when its caller stops waiting, `clean_up` after its last operation ended."""

    def abandon(self) -> None:
        """Prevent further effects. Called from any thread."""
        ...

    @property
    def is_clean(self) -> bool:
        """Whether `clean_up` has nothing to do."""
        ...

    def clean_up(self) -> None:
        """Close the file and remove an unfinished one. Runs once, in a thread."""
        ...


class DiskThreads:
    """A thread pool apart from asyncio's: DNS look-ups run there and must not wait for a disk."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, "disk")

    async def run(self, call: Callable[[], _T]) -> _T:
        """Return the result of the call. A cancelled caller does not wait for the call."""
        return await asyncio.wrap_future(self._executor.submit(call))

    @asynccontextmanager
    async def operate_on(self, file: OpenFile) -> AsyncIterator[Run]:
        """Yield a function that runs calls one after the other; clean up `file` after the last call."""
        last: Future[Any] | None = None

        async def run(call: Callable[..., _T], *values: Any) -> _T:
            nonlocal last
            last = self._executor.submit(call, *values)
            return await asyncio.wrap_future(last)

        try:
            yield run
        except Exception:
            file.abandon()
            await asyncio.shield(self.run(file.clean_up))
            raise
        except BaseException:  # cancelled, or the reader stopped: the running call may hang
            file.abandon()
            self._clean_up_after(last, file)
            raise
        if not file.is_clean:
            self._submit(file.clean_up)

    def _clean_up_after(self, last: "Future[Any] | None", file: OpenFile) -> None:
        if last is not None:
            last.add_done_callback(lambda _: self._submit(file.clean_up))

    def _submit(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the process is ending
            self._executor.submit(call)
