"""Lease: work stops when the lease is lost, and continues while that is unknown."""

import asyncio

import pytest

from integrahub.domain.errors import Transient
from integrahub.resilience.lease import Lease, LeaseLost


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrahub.resilience.lease._LEASE_RENEW_INTERVAL_SECONDS", 0.001)


async def test_work_whose_lease_is_lost_stops() -> None:
    async def lost() -> bool:
        return False

    with pytest.raises(LeaseLost):
        async with Lease(lost):
            await asyncio.sleep(10)
            pytest.fail("the work went on")
    assert (task := asyncio.current_task()) and not task.cancelling()


async def test_work_goes_on_while_nobody_can_say_whose_it_is() -> None:
    asked, again = 0, asyncio.Event()

    async def away() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            again.set()
        raise Transient("the database is away")

    async with Lease(away):
        await asyncio.wait_for(again.wait(), 10)
    assert asked >= 3


async def test_work_that_ends_renews_no_more() -> None:
    asked, renewed = 0, asyncio.Event()

    async def held() -> bool:
        nonlocal asked
        asked += 1
        renewed.set()
        return True

    async with Lease(held):
        await asyncio.wait_for(renewed.wait(), 10)
    before = asked
    await asyncio.sleep(0.02)
    assert asked == before
