"""Transactions, also with pipelined statements."""

import asyncio
import time
from dataclasses import replace

import pytest

from integrahub.db.database import Database
from integrahub.domain.errors import InvalidData, Transient
from integrahub.resilience.circuit_breaker import CircuitState
from integrahub.resilience.deadlines import API_DEADLINES


async def test_a_pipeline_commits_all_or_nothing_and_leaves_its_connection_usable(database_url: str) -> None:
    database = Database(database_url, size=1)
    await database.open()
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE kept (n integer PRIMARY KEY)")
    async with database.pipeline() as connection:
        await connection.execute("INSERT INTO kept VALUES (1)")
        read = await connection.execute("SELECT n FROM kept")
        assert await read.fetchall() == [{"n": 1}]
    with pytest.raises(InvalidData):
        async with database.pipeline() as connection:
            await connection.execute("INSERT INTO kept VALUES (2)")
            await connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(asyncio.CancelledError):
        async with database.pipeline() as connection:
            await connection.execute("INSERT INTO kept VALUES (3)")
            raise asyncio.CancelledError
    async with database.transaction() as connection:
        assert await (await connection.execute("SELECT n FROM kept")).fetchall() == [{"n": 1}]
    await database.close()


async def _take_while_held(database: Database, busy: float) -> None:
    """Take the only connection, which is held for 0.3 s, with a timeout of 0.2 s; the process is busy meanwhile."""
    held, freed = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.transaction():
            held.set()
            await freed.wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    taking = asyncio.create_task(database.check())
    await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_later(0.3, freed.set)
    time.sleep(busy)  # noqa: ASYNC251 - the point: the event loop stands still
    try:
        await taking
    finally:
        freed.set()
        await holding


async def test_a_connection_is_waited_for_again_after_the_process_was_too_busy_to_take_it(database_url: str) -> None:
    database = Database(database_url, size=1, deadlines=replace(API_DEADLINES, pool=0.2))
    await database.open()
    await database.check()
    await _take_while_held(database, busy=0.8)
    with pytest.raises(Transient, match="no connection was free"):
        await _take_while_held(database, busy=0.0)
    assert database.breaker.state is CircuitState.CLOSED
    await database.close()


async def test_an_answer_that_arrived_while_the_process_was_busy_is_taken(database_url: str) -> None:
    database = Database(database_url, size=1, deadlines=replace(API_DEADLINES, answer=0.3))
    await database.open()
    await database.check()
    async with database.transaction() as connection:
        asking = asyncio.create_task(connection.execute("SELECT pg_sleep(0.2)"))
        await asyncio.sleep(0.05)
        time.sleep(1.0)  # noqa: ASYNC251 - the point: the event loop stands still
        await asking
    with pytest.raises(Transient, match="did not answer"):
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_sleep(2)")
    await database.close()
