"""A frozen PostgreSQL: every call ends by a client-side deadline, and the pool recovers."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import Any, LiteralString

import pytest

from integrahub.bus.postgres import PostgresBus
from integrahub.db.database import Database
from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.resilience.deadlines import Deadlines
from tests.conftest import reached
from tests.fault_injection.freezing import frozen

_SHORT = Deadlines(pool=0.4, answer=0.5, statement=0.4, lock=0.3)
Act = Callable[[Database, asyncio.Event], Coroutine[object, object, None]]


async def statement(database: Database, freeze: asyncio.Event) -> None:
    async with database.transaction() as connection:
        await connection.execute("SELECT 1")
        freeze.set()
        await connection.execute("SELECT 1")


async def commit(database: Database, freeze: asyncio.Event) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO kept SELECT count(*) FROM kept")
        freeze.set()


async def pipelined(database: Database, freeze: asyncio.Event) -> None:
    async with database.pipeline() as connection:
        await connection.execute("INSERT INTO kept SELECT count(*) FROM kept")
        freeze.set()
        await (await connection.execute("SELECT 1 AS one")).fetchone()


async def copied(database: Database, freeze: asyncio.Event) -> None:
    async with database.transaction() as connection:
        await connection.execute("CREATE TEMPORARY TABLE copied (t text) ON COMMIT DROP")
        async with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            freeze.set()
            while True:
                await copy.write(b"x" * 100_000 + b"\n")


async def cancelled(database: Database, freeze: asyncio.Event) -> None:
    """Cancel a call, as a disconnecting client or the caller's own timeout does."""
    async with database.transaction() as connection:
        freeze.set()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.execute("SELECT 1")
        await connection.execute("SELECT 1")


@pytest.mark.parametrize("act", [statement, commit, pipelined, copied, cancelled])
async def test_whatever_waits_for_a_frozen_postgresql_ends_by_our_deadline(
    own_postgres: tuple[int, str], act: Act
) -> None:
    pid, url = own_postgres
    database = Database(
        url, size=2, deadlines=_SHORT, breaker=CircuitBreaker("PostgreSQL", monotonic, pause=0.1, max_pause=0.2)
    )
    await database.open()
    await database.check()
    freeze = Frozen(pid)
    begun = monotonic()
    with pytest.raises(Transient):
        async with asyncio.timeout(5):
            await act(database, freeze)
    freeze.thaw()
    assert monotonic() - begun < 4
    async with asyncio.timeout(5):
        while True:
            try:
                await asyncio.gather(*(holding(database) for _ in range(2)))
                break
            except Transient:
                await asyncio.sleep(0.05)
    assert database.breaker.state is CircuitState.CLOSED
    await database.close()


async def holding(database: Database) -> None:
    """Hold both connections of the pool."""
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_sleep(0.05)")


class Frozen(asyncio.Event):
    """Event that freezes the server when it is set."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._stopped = frozen(pid)

    def set(self) -> None:
        if not self.is_set():
            self._stopped.__enter__()
        super().set()

    def thaw(self) -> None:
        self._stopped.__exit__(None, None, None)


async def test_calls_that_hang_open_the_breaker_soon_and_it_closes_by_itself(own_postgres: tuple[int, str]) -> None:
    pid, url = own_postgres
    database = Database(
        url, size=2, deadlines=_SHORT, breaker=CircuitBreaker("PostgreSQL", monotonic, pause=0.1, max_pause=0.2)
    )
    await database.open()
    try:
        await database.check()
        with frozen(pid):
            for _ in range(3):  # the second connection may not be there yet: waiting for it counts for less
                with pytest.raises(Transient):
                    await database.check()
            assert database.breaker.state is not CircuitState.CLOSED
        async with asyncio.timeout(5):
            while database.breaker.state is not CircuitState.CLOSED:
                try:
                    await database.check()
                except Transient:
                    await asyncio.sleep(0.02)
    finally:
        await database.close()


async def test_a_listener_whose_server_process_hangs_is_replaced(own_postgres: tuple[int, str]) -> None:
    _, url = own_postgres
    database = Database(url, size=2)
    await database.open()
    bus = PostgresBus(database, silence=0.3)
    listening = "SELECT pid FROM pg_stat_activity WHERE application_name = 'integrahub-listen'"
    waiting = asyncio.create_task(bus.receive("a", 1, 60))
    async with asyncio.timeout(20):
        while not (pids := await _rows(database, listening)):
            await asyncio.sleep(0.02)
        with frozen(pids[0]["pid"]):
            while not [row for row in await _rows(database, listening) if row["pid"] != pids[0]["pid"]]:
                await asyncio.sleep(0.05)
            await bus.publish("a", [b"now"])
            assert [delivery.body for delivery in await waiting] == [b"now"]
    await bus.close()
    await database.close()


async def _rows(database: Database, query: LiteralString) -> list[dict[str, Any]]:
    async with database.transaction() as connection:
        return await (await connection.execute(query)).fetchall()


async def test_a_busy_pool_is_no_failure_of_postgresql(database_url: str) -> None:
    breaker = CircuitBreaker("PostgreSQL", monotonic)
    database = Database(database_url, size=1, deadlines=Deadlines(pool=0.3), breaker=breaker)
    await database.open()
    await reached(database)
    async with database.transaction() as connection:
        for _ in range(8):
            with pytest.raises(Transient, match="no connection was free"):
                await database.check()
        assert breaker.state is CircuitState.CLOSED
        await connection.execute("SELECT 1")
    await database.check()
    await database.close()


async def test_a_session_that_was_idle_for_too_long_is_transient(database_url: str) -> None:
    """Cover a server that thaws after its own idle limit has passed."""
    database = Database(database_url, size=1)
    await database.open()
    with pytest.raises(Transient):
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 20")
            await asyncio.sleep(0.3)
            await connection.execute("SELECT 1")
    await database.check()
    await database.close()


async def test_a_postgresql_that_gives_no_connection_opens_the_breaker(tmp_path: Path) -> None:
    nowhere = f"postgresql://integrahub@/integrahub?host={tmp_path}"
    database = Database(nowhere, size=1, deadlines=Deadlines(pool=0.05))
    await database.open()
    for _ in range(5):
        with pytest.raises(Transient):
            await database.check()
    assert database.breaker.state is CircuitState.OPEN
    await database.close()


async def test_two_pools_of_a_process_have_limits_of_their_own(database_url: str) -> None:
    quick = Database(database_url, size=1, min_size=1, deadlines=Deadlines(statement=0.2, answer=5.0))
    patient = Database(database_url, size=3, min_size=1)
    for database in (quick, patient):
        await database.open()
    with pytest.raises(Transient, match="statement timeout"):
        async with quick.transaction() as connection:
            await connection.execute("SELECT pg_sleep(5)")
    assert quick.breaker.state is CircuitState.CLOSED  # the server lives
    async with patient.transaction() as connection:
        shown = await (await connection.execute("SHOW statement_timeout")).fetchone()
    assert shown == {"statement_timeout": "2min"}
    for database in (quick, patient):
        await database.close()
