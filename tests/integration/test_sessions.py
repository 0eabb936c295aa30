"""Sessions with PostgreSQL start with the hub's settings, whatever the environment or the database's defaults."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from integrahub.bus.postgres import PostgresBus
from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.embedded.reset_leases import expire_leases
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import ConfigurationError
from tests.conftest import Server

_SESSION_VARIABLES = {
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "SQL, DMY",
    "PGTZ": "America/Sao_Paulo",
    "PGOPTIONS": "-c default_transaction_read_only=on -c intervalstyle=iso_8601 -c search_path=nowhere",
}
_CONNECTION_VARIABLES = {
    "PGPORT": "5433",
    "PGHOST": "10.0.0.1",
    "PGHOSTADDR": "10.0.0.1",
    "PGSERVICE": "prod",
    "PGSERVICEFILE": "/nonexistent",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGUSER": "somebody",
    "PGPASSWORD": "secret",
    "PGDATABASE": "elsewhere",
    "PGLOADBALANCEHOSTS": "random",
    "PGMINPROTOCOLVERSION": "9.9",
}
_DEFAULTS = {
    "client_encoding": "LATIN1",
    "datestyle": "SQL, DMY",
    "timezone": "America/Sao_Paulo",
    "intervalstyle": "iso_8601",
    "search_path": "nowhere",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "bytea_output": "escape",
}
_OURS = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "intervalstyle": "postgres",
    "search_path": "public",
    "transaction_read_only": "off",
    "transaction_isolation": "read committed",
    "bytea_output": "hex",
}


@pytest.fixture(params=["the environment", "the database"])
def strange(
    request: pytest.FixtureRequest, postgres: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return a database with unusual session defaults."""
    if request.param == "the environment":
        for name, value in _SESSION_VARIABLES.items():
            monkeypatch.setenv(name, value)
    else:
        name = sql.Identifier(database_url.partition("@/")[2].partition("?")[0])
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            for option, value in _DEFAULTS.items():
                statement = (
                    "ALTER DATABASE {} SET {} TO {}" if option != "datestyle" else "ALTER DATABASE {} SET {} = {}"
                )
                connection.execute(sql.SQL(statement).format(name, sql.Identifier(option), sql.Literal(value)))
    return database_url


async def test_sessions_of_a_pool_begin_as_the_hub_needs_them(strange: str) -> None:
    database = Database(strange, size=1, role=DatabaseRole.WORKER)
    await database.open()
    async with database.transaction() as connection:
        asked = ", ".join(f"current_setting('{name}') AS {name}" for name in _OURS)
        told = await (await connection.execute(f"SELECT {asked}")).fetchone()
        await connection.execute("CREATE TEMP TABLE kept AS SELECT %s::text AS title", ["LOÇÃO – 1 €"])
        row = await (await connection.execute("SELECT title, octet_length(title) AS bytes FROM kept")).fetchone()
    await database.close()
    assert told == _OURS
    assert row == {"title": "LOÇÃO – 1 €", "bytes": 17}


async def test_migrations_leases_and_listeners_work_in_strange_sessions(strange: str) -> None:
    assert await migrate(strange) == []
    await expire_leases(strange)
    database = Database(strange, size=2)
    await database.open()
    bus = PostgresBus(database)
    await bus.publish("topic", [b"\xc3\xa9\x00"])
    assert [delivery.body for delivery in await bus.receive("topic", 1, 5)] == [b"\xc3\xa9\x00"]
    await bus.close()
    await database.close()


async def test_the_embedded_server_starts_whatever_libpq_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (_SESSION_VARIABLES | _CONNECTION_VARIABLES).items():
        monkeypatch.setenv(name, value)
    engine = EmbeddedPostgres(tmp_path / "postgres")
    try:
        url = await engine.start()
        assert await EmbeddedPostgres(tmp_path / "postgres").url_of_running() == url_as(url, DatabaseRole.WORKER)
        assert len(await migrate(url)) > 1
    finally:
        await engine.stop()


async def test_a_server_that_refuses_the_hub_is_not_asked_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = EmbeddedPostgres(tmp_path / "postgres")
    async with await psycopg.AsyncConnection.connect(await engine.start(), autocommit=True) as owner:
        await owner.execute("ALTER ROLE integrahub NOLOGIN")
    await engine.stop()
    monkeypatch.setattr("integrahub.db.embedded.server._SERVER_ANSWER_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ConfigurationError, match="refuses the hub"):
        await engine.start()
    assert engine.pid is None
