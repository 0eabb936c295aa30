"""Single flight: concurrent callers with the same key share one running call."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class SingleFlight(Generic[Key, Result]):
    """Run at most one call per key at a time. The call continues if a caller is cancelled."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Result]] = {}

    async def __call__(self, key: Key, call: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return the result of the running call for `key`, or of `call` if none is running."""
        return await asyncio.shield(self.start(key, call))

    def start(self, key: Key, call: Callable[[], Coroutine[Any, Any, Result]]) -> asyncio.Task[Result]:
        """Return the task of the running call for `key`; start `call` if none is running."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(call())
            task.add_done_callback(lambda ended: self._end(key, ended))
        return task

    async def close(self) -> None:
        """Wait for the running calls."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _end(self, key: Key, task: asyncio.Task[Result]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # read it: asyncio reports exceptions of tasks that have lost all their callers
