"""Entries of the runbook about PostgreSQL, followed as written while another program hinders the hub."""

import asyncio
import re
from typing import Any

import psycopg
import pytest

from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.settings.model import Settings
from tests.integration.command_line import verb
from tests.integration.conftest import Client
from tests.integration.operator import run_psql
from tests.integration.test_flow import catalogue, product
from tests.runbook_entry import FollowedEntry

__all__ = ["verb"]
_CONNECTIONS = "psql -c 'SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1'"
_SLOW = (
    'psql -c "SELECT a.pid, a.wait_event_type, now() - a.query_start AS age, b.pid AS blocked_by, b.application_name '
    "AS blocked_by_program, left(a.query, 60) AS query FROM pg_stat_activity a LEFT JOIN pg_stat_activity b "
    "ON b.pid = ANY (pg_blocking_pids(a.pid)) WHERE a.state <> 'idle' ORDER BY age DESC LIMIT 10\""
)


async def _health(client: Client) -> Any:
    return (await client.http.get("/health")).json()["checks"]["postgresql"]


async def test_a_program_that_holds_a_lock_is_found_and_ended(client: Client, settings: Settings) -> None:
    url = str(settings.database_url)
    await client.load(catalogue(3))
    foreign = await psycopg.AsyncConnection.connect(url, application_name="a report")
    await foreign.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
    batch = (await client.post([product(1, PRICE=9)], "delta")).json()["batch_id"]
    async with asyncio.timeout(20):
        while not (
            holder := re.findall(r"\| Lock .*\| +(\d+) \| a report ", await run_psql("postgresql-slow", _SLOW, url))
        ):
            await asyncio.sleep(0.1)
    FollowedEntry("postgresql-slow").expect("as a superuser of PostgreSQL with `SELECT pg_terminate_backend(PID)`")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser:
        await superuser.execute("SELECT pg_terminate_backend(%s)", [int(holder[0])])
    assert (await client.finished(batch))["updated"] == 1
    FollowedEntry("postgresql-slow").expect("`latency_ms` of `postgresql` in `/health` is below 50")
    assert (await _health(client))["latency_ms"] < 1000  # on a machine that runs other tests
    await foreign.close()


async def test_a_program_that_takes_all_connections_is_found_and_ended(client: Client, settings: Settings) -> None:
    url, held = str(settings.database_url), list[psycopg.AsyncConnection[Any]]()
    report = url_as(url, DatabaseRole.WORKER)  # as a report does, by a login without the rights of a superuser
    try:
        with pytest.raises(psycopg.OperationalError, match=r"too many|reserved"):
            while len(held) < 1000:
                held.append(await psycopg.AsyncConnection.connect(report, application_name="a report"))
        shown = await run_psql("postgresql-full", _CONNECTIONS, url)
        assert re.search(rf"a report +\| +{len(held)}", shown), shown
    finally:
        for connection in held:
            await connection.close()
    assert "a report" not in await run_psql("postgresql-full", _CONNECTIONS, url)
    FollowedEntry("postgresql-full").expect("`/health` shows `postgresql` as `ok`")
    assert (await _health(client))["status"] == "ok"
    assert (await client.load([product(1)], "delta"))["inserted"] == 1
