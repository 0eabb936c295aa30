"""A result that is kept while a new one is made: how old it may be, and who waits."""

import asyncio

import pytest

from integrahub.resilience.revalidated_result import RevalidatedResult

TTL, MAX_AGE = 1.0, 5.0


class _Reads:
    """Numbered calls; each ends when it may. `now` is the clock."""

    def __init__(self, wait_seconds: float = 0.01) -> None:
        self.now = 0.0
        self.made = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None
        self.result = RevalidatedResult(self._call, TTL, wait_seconds, lambda: self.now)

    async def _call(self) -> int:
        self.made += 1
        number = self.made
        await self.may_end.wait()
        if self.error:
            raise self.error
        return number


async def test_a_fresh_result_is_shared_without_a_call() -> None:
    reads = _Reads()
    assert await asyncio.gather(*(reads.result(MAX_AGE) for _ in range(5))) == [1] * 5
    reads.now = 0.99
    assert await reads.result(MAX_AGE) == 1
    reads.now = 1.0
    assert await reads.result(MAX_AGE) == 2


async def test_a_slow_call_goes_on_while_its_callers_get_the_kept_result() -> None:
    reads = _Reads()
    await reads.result(MAX_AGE)
    reads.may_end.clear()
    reads.now = 4.9
    assert await asyncio.gather(*(reads.result(MAX_AGE) for _ in range(5))) == [1] * 5
    assert reads.made == 2
    reads.may_end.set()
    await asyncio.sleep(0)
    assert await reads.result(MAX_AGE) == 2 and reads.made == 2


async def test_a_result_that_is_too_old_is_waited_for() -> None:
    reads = _Reads()
    await reads.result(MAX_AGE)
    reads.may_end.clear()
    reads.now = 5.0
    waiting = asyncio.create_task(reads.result(MAX_AGE))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    reads.may_end.set()
    assert await waiting == 2


async def test_a_result_of_now_is_of_a_call_that_began_after_the_request() -> None:
    reads = _Reads()
    await reads.result(MAX_AGE)
    reads.may_end.clear()
    reads.now = 2.0
    assert await reads.result(MAX_AGE) == 1  # call 2 runs
    reads.now = 3.0
    asked = asyncio.create_task(reads.result(0))
    await asyncio.sleep(0)
    reads.may_end.set()
    assert await asked == 3


async def test_an_error_is_raised_and_not_kept() -> None:
    reads = _Reads()
    await reads.result(MAX_AGE)
    reads.now, reads.error = 2.0, ValueError("no")
    with pytest.raises(ValueError, match="no"):
        await reads.result(MAX_AGE)
    reads.error = None
    assert await reads.result(MAX_AGE) == 3
