"""Work that waits together is done together: one transaction for what several messages ask."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key")
Answer = TypeVar("Answer")


class MicroBatcher(Generic[Item]):
    """Groups of up to `most` items, `at_once` groups under way; a group takes what waits when its turn comes.

    Each caller waits for its own item; when a group fails, all its callers are told so.
    """

    def __init__(self, work: Callable[[list[Item]], Awaitable[None]], *, most: int, at_once: int) -> None:
        self._work = work
        self._most = most
        self._free = at_once
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._draining: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> None:
        """Return when the item's group is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._drain())
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
        await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do(group)
        finally:
            self._free += 1

    async def _do(self, group: list[tuple[Item, asyncio.Future[None]]]) -> None:
        try:
            await self._work([item for item, _ in group])
        except Exception as error:
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)


class SingleFlight(Generic[Key, Answer]):
    """Who asks for what is being looked up already waits for that answer."""

    def __init__(self) -> None:
        self._asking: dict[Key, asyncio.Task[Answer]] = {}

    async def __call__(self, key: Key, look_up: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """What the look-up under way finds, or this one; it goes on when who asked goes away."""
        if key not in self._asking:
            task = asyncio.create_task(look_up())
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(self._asking[key])
