"""Sweep counts an expired lease as a crash only if its worker could have renewed it."""

from uuid import UUID, uuid4

from integrahub.bus.memory import MemoryBus
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.maintenance.sweep import Sweep
from integrahub.resilience.circuit_breaker import CircuitBreaker
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue
from tests.integration.test_zombies import _split, crash, idle

__all__ = ["idle"]


async def test_leases_that_ended_while_postgresql_was_frozen_are_no_crashes(idle: Client, database_url: str) -> None:
    posted = (await idle.post(catalogue(20))).json()["batch_id"]
    await _split(idle, posted)
    assert await chunk_claims.claim(idle.hub.database, [(UUID(posted), 0)], uuid4(), uuid4())
    await crash(idle, "batch_chunks")
    now = [100.0]
    database = Database(database_url, breaker=CircuitBreaker("PostgreSQL", lambda: now[0]))
    await database.open()
    bus = MemoryBus()
    sweep = Sweep(database, bus, window=InFlightLimit(4, 4), window_minutes=0, crashes=5)
    database.breaker.record_failure(OSError("no answer"))
    await sweep()
    assert await crashes(database) == 0
    now[0] += 16
    await sweep()
    assert await crashes(database) == 1
    await database.close()


async def crashes(database: Database) -> int:
    async with database.transaction() as connection:
        row = await (await connection.execute("SELECT sum(crashes)::int AS found FROM batch_chunks")).fetchone()
    assert row is not None
    return int(row["found"])
