"""Managed process: it ends for good when ordered, in any state."""

import asyncio
import os
from typing import Any

import pytest

from integrahub.supervisor.managed_process import ManagedProcess, ProcessState


async def _ignore_exit() -> None:
    pass


async def test_a_process_that_is_being_created_when_its_end_is_ordered_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create, creating, may_create = asyncio.create_subprocess_exec, asyncio.Event(), asyncio.Event()

    async def create_slowly(*_: str, **options: Any) -> asyncio.subprocess.Process:
        creating.set()
        await may_create.wait()
        return await create("sleep", "60", **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create_slowly)
    process = ManagedProcess("worker", [], dict(os.environ), _ignore_exit)
    await creating.wait()
    ending = asyncio.create_task(process.end(None))
    await asyncio.sleep(0.01)
    may_create.set()
    async with asyncio.timeout(20):
        await ending
    assert process.state is ProcessState.ENDED


async def test_a_crash_that_cannot_be_counted_does_not_delay_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    create, created = asyncio.create_subprocess_exec, asyncio.Queue[None]()

    async def create_ending(*_: str, **options: Any) -> asyncio.subprocess.Process:
        created.put_nowait(None)
        return await create("false", **options)

    async def wait_for_the_database() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create_ending)
    process = ManagedProcess("worker", [], dict(os.environ), wait_for_the_database)
    async with asyncio.timeout(20):
        await created.get()
        await created.get()
        await process.end(None)
    assert process.restarts >= 1
