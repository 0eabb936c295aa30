"""Checks that this version of the hub can work on the schema of a database."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import InsufficientPrivilege

from integrahub.db.connections import connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_value
from integrahub.db.schema.scripts import is_repeatable, migrations
from integrahub.domain.errors import ConfigurationError

_SQL = load_queries(__name__)
MIN_POSTGRESQL_VERSION = 18  # RETURNING old.*, new.* serves the record of changes
_CHECK_TIMEOUT_SECONDS = 5.0  # then the process starts without its database
_RETRY_INTERVAL_SECONDS = 5.0  # between checks of a database that does not answer
_log = structlog.get_logger()


class AppliedScript(msgspec.Struct, frozen=True):
    """A row of `schema_migrations`. A pre-release recorded no checksum."""

    name: str
    kind: str | None
    checksum: str | None


async def fetch_applied(connection: AsyncConnection[Any]) -> list[AppliedScript] | None:
    """Return the scripts applied to the database, or None if it is empty.

    Raise ConfigurationError if it holds the tables of another application.
    """
    if await fetch_value(connection, _SQL["known"], None, bool):
        return await fetch_all(connection, _SQL["applied"], None, AppliedScript)
    tables = await fetch_column(connection, _SQL["foreign_tables"], None, str)
    if tables:
        raise ConfigurationError(
            f"The database {connection.info.dbname} holds tables of something else ({', '.join(tables[:3])}"
            f"{', ...' if len(tables) > 3 else ''}) and none of IntegraHub. Give the hub a database of its own "
            "(CREATE DATABASE integrahub) and name it in INTEGRAHUB_DATABASE_URL."
        )
    return None


def check_server_version(connection: AsyncConnection[Any]) -> None:
    """Raise ConfigurationError if the server is older than the hub's statements need."""
    major = connection.info.server_version // 10_000
    if major < MIN_POSTGRESQL_VERSION:
        raise ConfigurationError(
            f"The database {connection.info.dbname} is on PostgreSQL {major}. IntegraHub needs PostgreSQL "
            f"{MIN_POSTGRESQL_VERSION} or newer: upgrade the server, or name another in INTEGRAHUB_DATABASE_URL."
        )


def check_not_prerelease(applied: Iterable[AppliedScript], database: str) -> None:
    """Raise ConfigurationError if the database was made by a pre-release: checksums of its migrations are not ours."""
    ours = {script.name: script.checksum for script in migrations()}
    if any(script.checksum != ours.get(script.name, script.checksum) for script in applied):
        raise ConfigurationError(
            f"The database {database} was made by a pre-release of IntegraHub, whose tables this version cannot use. "
            "Give the hub an empty database, or a new folder with --data, and post the catalogues again."
        )


def check_not_newer(applied: Iterable[AppliedScript]) -> None:
    """Raise ConfigurationError if a newer version contracted the schema. What it only added does no harm."""
    ours = {script.name for script in migrations()}
    unknown = [script for script in applied if script.name not in ours and not is_repeatable(script.name)]
    if contracted := sorted(script.name for script in unknown if script.kind != "expand"):
        raise ConfigurationError(
            f"The database is of a newer IntegraHub: {', '.join(contracted)} was applied, which this version does not "
            "know and cannot work with. Run the newer version, or restore a backup made before it."
        )


async def check_schema(connection: AsyncConnection[Any]) -> None:
    """Raise ConfigurationError if this version cannot work on the database.

    That is a database of another application, of a pre-release, of a newer version, or not yet migrated, or on a
    server that is too old.
    """
    check_server_version(connection)
    try:
        applied = await fetch_applied(connection) or []
    except InsufficientPrivilege:
        applied = []  # the permissions of this role were never applied
    check_not_prerelease(applied, connection.info.dbname)
    check_not_newer(applied)
    recorded = {script.name for script in applied}
    if missing := [script.name for script in migrations() if script.name not in recorded]:
        raise ConfigurationError(
            f"The schema of the database {connection.info.dbname} is older than this version: {missing[0]} is missing. "
            "Run `integrahub migrate` first."
        )


async def check_if_reachable(url: str) -> bool:
    """Check the schema of the database at `url`. Return False if the database does not answer."""
    try:
        async with await connect(url, answer_timeout=_CHECK_TIMEOUT_SECONDS) as connection:
            await check_schema(connection)
    except OperationalError:
        return False
    return True


async def check_until_reachable(url_of: Callable[[], str]) -> None:
    """Retry the check until the database answers. If the schema is refused, terminate this process."""
    try:
        while True:
            if await check_if_reachable(url_of()):
                return
            await asyncio.sleep(_RETRY_INTERVAL_SECONDS)
    except ConfigurationError as error:
        _log.error("schema refused, stopping the process", action="refuse_schema", error=str(error))
        os.kill(os.getpid(), signal.SIGTERM)
