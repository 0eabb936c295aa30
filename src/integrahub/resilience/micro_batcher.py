"""Micro-batching: process items that wait at the same time as one batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BatchLimits(Generic[Item]):
    """Limits of one batch: its number of items and, if `size_of` is given, their total size in bytes."""

    max_items: int
    max_bytes: int = 0
    size_of: Callable[[Item], int] | None = None

    def split(self, waiting: list[Item]) -> tuple[list[Item], list[Item]]:
        """Return the items of the next batch, at least one, and the remaining items."""
        count = min(len(waiting), self.max_items)
        if self.size_of is not None:
            size = 0
            for number, item in enumerate(waiting[:count]):
                size += self.size_of(item)
                if number and size > self.max_bytes:
                    count = number
                    break
        return waiting[:count], waiting[count:]


class MicroBatcher(Generic[Item, Result]):
    """Collect items while earlier batches are processed, and pass them to `process` together.

    `process` returns one result per item, in order, or None if items have no results. At most `concurrency` batches run
    at a time. If `process` raises, every caller of the batch gets the exception; with `fail_waiting`, so do those that
    wait for later batches. A caller that is cancelled leaves its item in the queue.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Awaitable[Sequence[Result] | None]],
        limits: BatchLimits[Item],
        concurrency: int = 1,
        *,
        fail_waiting: bool = False,
    ) -> None:
        self._process = process
        self._limits = limits
        self._idle = concurrency
        self._fail_waiting = fail_waiting
        self._waiting: list[Item] = []
        self._futures: list[asyncio.Future[Any]] = []  # one per waiting item
        self._workers: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        """Return the result of the item once its batch is processed."""
        result: Result = await self.submit(item)
        return result

    def submit(self, item: Item) -> asyncio.Future[Any]:
        """Queue an item and return the future of its result."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(item)
        self._futures.append(future)
        if self._idle:
            self._idle -= 1
            # An empty context: callers share the task, so it must not log under the trace of one of them.
            worker = asyncio.create_task(self._work(), context=Context())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return future

    async def close(self) -> None:
        """Wait until all queued items are processed."""
        while self._workers:
            await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._limits.split(self._waiting)
                futures, self._futures = self._futures[: len(batch)], self._futures[len(batch) :]
                await self._run(batch, futures)
        finally:
            self._idle += 1

    async def _run(self, batch: list[Item], futures: list[asyncio.Future[Any]]) -> None:
        try:
            results = await self._process(batch)
        except Exception as error:
            if self._fail_waiting:
                futures, self._futures, self._waiting = futures + self._futures, [], []
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        answers: Sequence[Result | None] = [None] * len(batch) if results is None else results
        for future, result in zip(futures, answers, strict=True):
            if not future.done():
                future.set_result(result)
