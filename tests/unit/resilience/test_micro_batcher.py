"""Micro-batcher: waiting calls run as one batch."""

import asyncio

import pytest

from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher


async def test_what_waits_shares_groups_of_at_most_so_many_and_everyone_is_answered() -> None:
    groups: list[list[int]] = []

    async def work(items: list[int]) -> None:
        groups.append(items)
        await asyncio.sleep(0)

    batcher = MicroBatcher[int, None](work, BatchLimits(4), 2)
    await asyncio.gather(*(batcher(number) for number in range(10)))
    assert sorted(number for group in groups for number in group) == list(range(10))
    assert max(map(len, groups)) == 4 and len(groups) == 3


async def test_never_more_groups_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def work(items: list[int]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    batcher = MicroBatcher[int, None](work, BatchLimits(1), 2)
    await asyncio.gather(*(batcher(number) for number in range(9)))
    assert (most, under_way) == (2, 0)


async def test_a_group_that_fails_is_told_to_all_of_it_and_to_nobody_else() -> None:
    async def work(items: list[int]) -> None:
        if 1 in items:
            raise ValueError("one is bad")

    batcher = MicroBatcher[int, None](work, BatchLimits(2))
    told = await asyncio.gather(*(batcher(number) for number in range(4)), return_exceptions=True)
    assert [isinstance(one, ValueError) for one in told] == [True, True, False, False]
    with pytest.raises(ValueError, match="one is bad"):
        await batcher(1)
    await batcher(5)


async def test_each_caller_gets_the_result_of_its_own_item() -> None:
    async def double(items: list[int]) -> list[int]:
        return [2 * item for item in items]

    batcher = MicroBatcher[int, int](double, BatchLimits(3))
    assert await asyncio.gather(*(batcher(number) for number in range(7))) == [0, 2, 4, 6, 8, 10, 12]


async def test_a_batch_is_limited_by_size_but_holds_at_least_one_item() -> None:
    limits = BatchLimits[int](max_items=3, max_bytes=10, size_of=lambda item: item)
    assert limits.split([4, 6, 1]) == ([4, 6], [1])
    assert limits.split([99, 1]) == ([99], [1])
    assert limits.split([1, 1, 1, 1]) == ([1, 1, 1], [1])


async def test_the_item_of_a_cancelled_caller_is_processed_before_close_returns() -> None:
    processed: list[int] = []

    async def process(items: list[int]) -> None:
        await asyncio.sleep(0)
        processed.extend(items)

    batcher = MicroBatcher[int, None](process, BatchLimits(1))
    caller = asyncio.ensure_future(batcher(1))
    await asyncio.sleep(0)
    caller.cancel()
    await batcher.close()
    assert processed == [1]


async def test_waiting_items_fail_with_a_batch_if_they_would_fail_alike() -> None:
    async def work(items: list[int]) -> None:
        await asyncio.sleep(0)
        raise ValueError(f"batch {items}")

    batcher = MicroBatcher[int, None](work, BatchLimits(2), fail_waiting=True)
    failures = await asyncio.gather(*(batcher(number) for number in range(6)), return_exceptions=True)
    assert {str(failure) for failure in failures} == {"batch [0, 1]"}
    with pytest.raises(ValueError, match=r"batch \[7\]"):
        await batcher(7)
