"""Says whether this version of the hub may work on the schema of a database."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import dict_row

from integrahub.db.connections import connect
from integrahub.db.queries import load_queries
from integrahub.domain.errors import ConfigurationError

_SQL = load_queries(__name__)
_ANSWER = 5.0  # seconds a database may take; then the start goes on without it
_AGAIN = 5.0  # seconds until a database that did not answer is asked again
_log = structlog.get_logger()
_PERMISSIONS = "permissions "  # begins what is recorded of them


async def applied(connection: AsyncConnection[Any]) -> dict[str, str | None] | None:
    """Return the migrations of the database with their kinds, None where it is empty.

    ConfigurationError when it belongs to something else.
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        known = await (await cursor.execute(_SQL["known"])).fetchone()
        if known and known["is_ours"]:
            return {row["name"]: row["kind"] for row in await (await cursor.execute(_SQL["applied"])).fetchall()}
        tables = [row["name"] for row in await (await cursor.execute(_SQL["foreign_tables"])).fetchall()]
    if tables:
        raise ConfigurationError(
            f"The database {connection.info.dbname} holds tables of something else ({', '.join(tables[:3])}"
            f"{', ...' if len(tables) > 3 else ''}) and none of IntegraHub. Give the hub a database of its own "
            "(CREATE DATABASE integrahub) and name it in DATABASE_URL."
        )
    return None


def check_not_newer(found: dict[str, str | None], known: Iterable[str]) -> None:
    """Refuse a schema that a newer version contracted; what it added only does no harm."""
    unknown = {name: kind for name, kind in found.items() if not name.startswith(_PERMISSIONS)}
    for name in known:
        unknown.pop(name, None)
    if contracted := sorted(name for name, kind in unknown.items() if kind != "expand"):
        raise ConfigurationError(
            f"The database is of a newer IntegraHub: {', '.join(contracted)} was applied, which this version does not "
            "know and cannot work with. Run the newer version, or restore a backup made before it."
        )


async def check_schema(connection: AsyncConnection[Any], known: Iterable[str]) -> None:
    """Refuse a database on which a process of this version cannot work: another's, a newer or an older one."""
    names = list(known)
    try:
        found = await applied(connection)
    except InsufficientPrivilege:
        found = None  # before these processes could read it
    check_not_newer(found or {}, names)
    if missing := [name for name in names if name not in (found or {})]:
        raise ConfigurationError(
            f"The schema of the database {connection.info.dbname} is older than this version: {missing[0]} is missing. "
            "Run `integrahub migrate` first."
        )


async def is_proven(url: str, known: Iterable[str]) -> bool:
    """Check the schema of the database at `url`; False when it does not answer."""
    try:
        async with await connect(url, answer=_ANSWER) as connection:
            await check_schema(connection, known)
    except OperationalError:
        return False
    return True


async def prove_later(url_of: Callable[[], str], known: Iterable[str]) -> None:
    """Ask until the database answers; end this process when it cannot work on the schema."""
    names = list(known)
    try:
        while True:
            if await is_proven(url_of(), names):
                return
            await asyncio.sleep(_AGAIN)
    except ConfigurationError as error:
        _log.error("schema refused, the process ends", action="refuse_schema", error=str(error))
        os.kill(os.getpid(), signal.SIGTERM)
