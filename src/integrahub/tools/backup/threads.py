"""Work of a backup in a thread, which ends before its caller goes on, also when that is cancelled."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import TypeVar

Check = Callable[[], None]
Result = TypeVar("Result")


class _Stopped(Exception):
    """The caller was cancelled."""


async def run_in_thread(work: Callable[[Check], Result]) -> Result:
    """Return what `work` returns. It calls its argument often: that raises once this coroutine is cancelled.

    A cancellation waits for the end of the thread, so that the caller may then remove what the thread wrote.
    """
    stop = Event()

    def check() -> None:
        if stop.is_set():
            raise _Stopped

    # A future of the loop, not a task: nothing but the end of the thread ends it.
    future = asyncio.get_running_loop().run_in_executor(None, work, check)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        future.exception()  # retrieved, so that it is not logged
        raise


def never_stopped() -> None:
    """Be the check of work that is never cancelled."""
