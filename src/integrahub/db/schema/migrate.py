"""Brings the schema of a database up to date, step by step, while the hub runs on it."""

import asyncio
import re
from dataclasses import asdict

import structlog
from psycopg import Error
from psycopg.errors import InsufficientPrivilege, LockNotAvailable

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_column, fetch_value
from integrahub.db.schema.older_processes import check_no_older
from integrahub.db.schema.pending import explain, find_pending
from integrahub.db.schema.scripts import Script
from integrahub.db.schema.statements import split
from integrahub.db.schema.version import check_server_version
from integrahub.domain.errors import ConfigurationError, Transient

# A statement may index a large table, or wait for the migration of another process.
_MIGRATION_TIMEOUT_SECONDS = 3600.0
_LOCK_TIMEOUT_MILLISECONDS = 300  # all other statements on the table wait behind one that waits for its lock
_LOCK_ATTEMPTS = 60
_LONG_ATTEMPTS = 10  # each tenth attempt waits so long that PostgreSQL cancels an autovacuum that holds the lock
_LONG_EXTRA_MILLISECONDS = 200
_LOCK_RETRY_SECONDS = 1.0
_MIGRATION_POLL_SECONDS = 0.1  # while another process migrates
_SQL = load_queries(__name__)
PARTITION_DAYS_AHEAD = 7
_LOCK_KEY = 0x1A7E62A  # any number that no other advisory lock uses
_CONCURRENT_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)", re.IGNORECASE)
_log = structlog.get_logger()


async def migrate(url: str) -> list[str]:
    """Apply the missing scripts and return their names. Safe to run by many processes at once.

    Each script is a transaction of its own, so no lock lasts longer than its script; an aborted run continues later.
    Raise ConfigurationError if the database belongs to another application, to a pre-release, or to a newer version
    that this one cannot work with, if the server is too old, if a contract step finds a process that needs what it
    removes, or if PostgreSQL rejects a script; Transient if the database does not answer, its disk is full or a
    statement was cancelled, or its tables stay locked.
    """
    try:
        async with await connect(url, autocommit=True, answer_timeout=_MIGRATION_TIMEOUT_SECONDS) as connection:
            return await _migrate(connection)
    except Error as error:
        raise explain(error, url) from error


async def _migrate(connection: HubConnection) -> list[str]:
    check_server_version(connection)
    while not await fetch_value(connection, _SQL["lock"], {"key": _LOCK_KEY}, bool):  # noqa: ASYNC110
        await asyncio.sleep(_MIGRATION_POLL_SECONDS)
    pending = await find_pending(connection)
    await connection.execute(_SQL["create_migrations"])
    for script in pending.scripts:
        if script.kind == "contract":
            await check_no_older(connection, script.name)
        await (_apply_concurrently if script.is_concurrent else _apply)(connection, script)
    await connection.execute(_SQL["make_change_partitions"], {"days_ahead": PARTITION_DAYS_AHEAD})
    return [script.name for script in pending.missing]


async def _apply(connection: HubConnection, script: Script) -> None:
    """Apply a script in one transaction; start again if a table stays locked. Raise Transient after many attempts."""
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await _limit_lock_waits(connection, attempt)
                await _run(connection, script)
                await connection.execute(_SQL["record"], asdict(script))
            return
        except LockNotAvailable:
            _log.warning("table locked, retrying the migration", action="migrate", script=script.name, attempt=attempt)
            await asyncio.sleep(_LOCK_RETRY_SECONDS)
    holders = await fetch_column(connection, _SQL["long_transactions"], None, str)
    raise Transient(
        f"{script.name} did not get its locks in {_LOCK_ATTEMPTS} attempts. Longest transactions: "
        f"{'; '.join(holders) or 'none now'}. End them, then migrate again."
    )


async def _limit_lock_waits(connection: HubConnection, attempt: int) -> None:
    if attempt % _LONG_ATTEMPTS == 0:
        await connection.execute(_SQL["outwait_autovacuum"], {"milliseconds": _LONG_EXTRA_MILLISECONDS})
    else:
        await connection.execute(_SQL["limit_lock_waits"], {"milliseconds": str(_LOCK_TIMEOUT_MILLISECONDS)})


async def _run(connection: HubConnection, script: Script) -> None:
    try:
        await connection.execute(script.text)
    except InsufficientPrivilege as error:
        if script.kind:
            raise
        raise ConfigurationError(
            f"The roles of the hub cannot be set up: {error.diag.message_primary}. Have a superuser run, once:\n"
            "  CREATE ROLE integrahub_api LOGIN;\n  CREATE ROLE integrahub_worker LOGIN BYPASSRLS;\n"
            "  CREATE ROLE integrahub_notify LOGIN BYPASSRLS;\n  CREATE ROLE integrahub_console LOGIN;\n"
            "  GRANT integrahub_api, integrahub_worker, integrahub_notify, integrahub_console "
            f"TO {connection.info.user};\n"
            "then migrate again."
        ) from error


async def _apply_concurrently(connection: HubConnection, script: Script) -> None:
    """Apply a script statement by statement, without a transaction. Readers and writers do not wait for it.

    Its statements may run again after an abort, which leaves an invalid index: drop that first.
    """
    for statement in split(script.text):
        if index := _CONCURRENT_INDEX.match(statement):
            for name in await fetch_column(connection, _SQL["invalid_index"], {"name": index[1]}, str):
                await connection.execute(f"DROP INDEX CONCURRENTLY {name}".encode())
        await connection.execute(statement.encode())
    await connection.execute(_SQL["record"], asdict(script))
