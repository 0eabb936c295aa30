"""Waiting, threads and iteration: each in an asynchronous form and in the synchronous one that replaces it."""

import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def sleep_async(seconds: float) -> None:
    """Wait without blocking the event loop."""
    import asyncio  # imported here: synchronous clients do not need it

    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait."""
    threading.Event().wait(seconds)


async def run_in_thread(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Call a function that blocks, and return its result."""
    import asyncio  # imported here: synchronous clients do not need it

    return await asyncio.to_thread(function, *arguments)


def run_here(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Call a function and return its result."""
    return function(*arguments)


async def iterate_async(items: Iterable[_Item] | AsyncIterable[_Item]) -> AsyncIterator[_Item]:
    """Yield the items of either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def iterate(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items."""
    yield from items
