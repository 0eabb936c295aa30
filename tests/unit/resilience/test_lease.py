"""Lease: work stops when the lease is lost, and continues while that is unknown."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from time import monotonic

import pytest

from integrahub.domain.errors import Transient
from integrahub.resilience.lease import Lease, LeaseLost


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrahub.resilience.lease._LEASE_RENEW_INTERVAL_SECONDS", 0.001)


async def never() -> None:
    pytest.fail("this process was not prevented from renewing")


async def test_work_whose_lease_is_lost_stops() -> None:
    async def lost() -> bool:
        return False

    with pytest.raises(LeaseLost):
        async with Lease(lost, never):
            await asyncio.sleep(10)
            pytest.fail("the work went on")
    assert (task := asyncio.current_task()) and not task.cancelling()


async def test_work_whose_lease_is_lost_is_cancelled_if_the_process_stops_meanwhile() -> None:
    stopping = asyncio.Event()

    async def lost() -> bool:
        return False

    async def work() -> None:
        async with Lease(lost, never):
            try:
                await asyncio.sleep(10)
            finally:
                stopping.set()
                await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class _Work:
    """Claimed work."""


async def _do_work() -> weakref.ref[_Work]:
    work = _Work()

    async def renew() -> bool:
        return work is not None

    async with Lease(renew, never):
        await asyncio.sleep(0.01)
    return weakref.ref(work)


async def test_work_that_is_done_is_freed_without_the_cycle_collector() -> None:
    gc.disable()
    try:
        work = await _do_work()
        await asyncio.sleep(0.01)
        assert work() is None
    finally:
        gc.enable()


async def test_work_goes_on_while_nobody_can_say_whose_it_is() -> None:
    asked, again = 0, asyncio.Event()

    async def away() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            again.set()
        raise Transient("the database is away")

    async with Lease(away, never):
        await asyncio.wait_for(again.wait(), 10)
    assert asked >= 3


async def test_work_that_ends_renews_no_more() -> None:
    asked, renewed = 0, asyncio.Event()

    async def held() -> bool:
        nonlocal asked
        asked += 1
        renewed.set()
        return True

    async with Lease(held, never):
        await asyncio.wait_for(renewed.wait(), 10)
    before = asked
    await asyncio.sleep(0.02)
    assert asked == before


_PROGRAM = """
import asyncio
from integrahub.resilience import lease

lease._MIN_PREVENTED_SECONDS = 0.5

async def held():
    return True

async def prevented():
    print("prevented", flush=True)

async def work():
    async with lease.Lease(held, prevented):
        print("begun", flush=True)
        await asyncio.sleep(0.05)
    print("ended", flush=True)

asyncio.run(work())
"""


def test_a_worker_that_was_frozen_was_prevented_from_renewing() -> None:
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout and worker.stdout.readline() == "begun\n"
        os.kill(worker.pid, signal.SIGSTOP)
        threading.Event().wait(0.7)
        os.kill(worker.pid, signal.SIGCONT)
        assert worker.communicate(timeout=60)[0] == "prevented\nended\n"


async def test_a_worker_that_was_too_busy_to_renew_was_not_prevented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrahub.resilience.lease._MIN_PREVENTED_SECONDS", 0.05)
    monkeypatch.setattr("integrahub.resilience.lease.process_time", monotonic)  # all of one processor

    async def away() -> bool:
        raise Transient("the database is away")

    async with Lease(away, never):
        await asyncio.sleep(0.1)


async def test_a_database_that_does_not_answer_prevents_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrahub.resilience.lease._MIN_PREVENTED_SECONDS", 0.05)
    monkeypatch.setattr("integrahub.resilience.lease.process_time", lambda: 0.0)
    noted = asyncio.Event()

    async def away() -> bool:
        raise Transient("the database is away")

    async def note() -> None:
        noted.set()
        raise Transient("the database is away")

    async with Lease(away, note):
        await asyncio.sleep(0.1)
    assert noted.is_set()
