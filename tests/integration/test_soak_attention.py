"""What the console asks attention for is counted during a soak test, also while PostgreSQL is down."""

import asyncio

import pytest

from integrahub.db.console import overview
from integrahub.db.database import Database
from integrahub.domain.errors import Transient
from integrahub.tools.soak import observation
from integrahub.tools.soak.observation import Observation, observe_attention


async def test_what_asks_for_attention_is_counted_between_failures(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, calls = overview.find_overview, 0

    async def fail_at_first(database: Database) -> overview.OverviewRows:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Transient("PostgreSQL is down")
        return await find(database)

    monkeypatch.setattr(overview, "find_overview", fail_at_first)
    monkeypatch.setattr(observation, "_ATTENTION_INTERVAL_SECONDS", 0.01)
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO reconciliations (at, unaccounted) VALUES (now(), 3)")
    found = Observation()
    task = asyncio.create_task(observe_attention(database, found))
    async with asyncio.timeout(10):
        while not found.attention:
            await asyncio.sleep(0.01)
    task.cancel()
    assert calls > 1 and set(found.attention) == {"unaccounted"}
