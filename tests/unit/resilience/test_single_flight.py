"""Concurrent callers with the same key share one call."""

import asyncio

from integrahub.resilience.single_flight import SingleFlight


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


async def test_close_waits_for_a_call_whose_caller_was_cancelled() -> None:
    loaded: list[str] = []

    async def load() -> str:
        await asyncio.sleep(0)
        loaded.append("a")
        return "a"

    flight = SingleFlight[str, str]()
    caller = asyncio.ensure_future(flight("a", load))
    await asyncio.sleep(0)
    caller.cancel()
    await flight.close()
    assert loaded == ["a"]
