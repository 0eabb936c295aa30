"""Results that callers share: how often they are made, and when an error is kept."""

import asyncio

import pytest

from integrahub.resilience.shared_results import SharedResults


class _Calls:
    """Counts calls; each ends when it may."""

    def __init__(self) -> None:
        self.made = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.made += 1
        number = self.made
        await self.may_end.wait()
        if self.error:
            raise self.error
        return number


async def test_callers_share_a_running_call_and_its_result_until_it_is_too_old() -> None:
    now = [0.0]
    shared, calls = SharedResults[str, int](1.0, clock=lambda: now[0]), _Calls()
    waiting = [asyncio.create_task(shared("a", calls)) for _ in range(5)]
    await asyncio.sleep(0)
    calls.may_end.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    now[0] = 0.99
    assert await shared("a", calls) == 1
    now[0] = 1.0
    assert await shared("a", calls) == 2


async def test_an_error_reaches_all_that_wait_and_is_not_kept() -> None:
    shared, calls = SharedResults[str, int](1.0), _Calls()
    calls.error = ValueError("no")
    calls.may_end.set()
    results = await asyncio.gather(*(shared("a", calls) for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["no"] * 3 and calls.made == 1
    calls.error = None
    assert await shared("a", calls) == 2


async def test_keys_do_not_share() -> None:
    shared, calls = SharedResults[str, int](1.0, 2), _Calls()
    calls.may_end.set()
    assert [await shared(key, calls) for key in ("a", "b", "a")] == [1, 2, 1]


async def test_a_cancelled_caller_leaves_the_others_their_result() -> None:
    shared, calls = SharedResults[str, int](1.0), _Calls()
    first, second = (asyncio.create_task(shared("a", calls)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    calls.may_end.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first
