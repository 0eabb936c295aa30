"""Work that waits together is done together."""

import asyncio

import pytest

from integrahub.resilience.micro_batcher import MicroBatcher, SingleFlight


async def test_what_waits_shares_groups_of_at_most_so_many_and_everyone_is_answered() -> None:
    groups: list[list[int]] = []

    async def work(items: list[int]) -> None:
        groups.append(items)
        await asyncio.sleep(0)

    gathering = MicroBatcher(work, most=4, at_once=2)
    await asyncio.gather(*(gathering(number) for number in range(10)))
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

    gathering = MicroBatcher(work, most=1, at_once=2)
    await asyncio.gather(*(gathering(number) for number in range(9)))
    assert (most, under_way) == (2, 0)


async def test_a_group_that_fails_is_told_to_all_of_it_and_to_nobody_else() -> None:
    async def work(items: list[int]) -> None:
        if 1 in items:
            raise ValueError("one is bad")

    gathering = MicroBatcher(work, most=2, at_once=1)
    told = await asyncio.gather(*(gathering(number) for number in range(4)), return_exceptions=True)
    assert [isinstance(one, ValueError) for one in told] == [True, True, False, False]
    with pytest.raises(ValueError, match="one is bad"):
        await gathering(1)
    await gathering(5)


async def test_who_asks_for_the_same_shares_one_look_up_and_the_next_one_looks_again() -> None:
    looked: list[str] = []

    async def look_up(key: str) -> str:
        looked.append(key)
        await asyncio.sleep(0)
        return f"found {key}"

    shared = SingleFlight[str, str]()
    answers = await asyncio.gather(*(shared(key, lambda key=key: look_up(key)) for key in "aab"))  # type: ignore[misc]
    assert (answers, looked) == (["found a", "found a", "found b"], ["a", "b"])
    await shared("a", lambda: look_up("a"))
    assert looked == ["a", "b", "a"]


async def test_a_look_up_that_fails_fails_all_who_wait_for_it() -> None:
    async def look_up() -> str:
        await asyncio.sleep(0)
        raise OSError("away")

    shared = SingleFlight[str, str]()
    found = await asyncio.gather(shared("a", look_up), shared("a", look_up), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]
