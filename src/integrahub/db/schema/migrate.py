"""Brings the schema up to date: files of `migrations/` in order, each once, then the permissions; under one lock."""

import hashlib
from importlib.resources import files
from typing import LiteralString

from psycopg import Error, OperationalError
from psycopg.errors import InsufficientPrivilege

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.schema import version as schema
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import first_line, shown_database
from integrahub.domain.errors import ConfigurationError, Transient

_ANSWER = 3600.0  # seconds for one statement: an index of a large table, or the migration of another process
_SQL = load_queries(__name__)
_LOCK = 0x1A7E62A  # any number nobody else locks
_TABLE = "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"


def available() -> list[tuple[str, LiteralString]]:
    """Name and text of every migration, in the order they apply."""
    folder = files(__package__) / "migrations"
    found = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, text) for name, text in found]


def permissions() -> tuple[str, LiteralString]:
    """Name, which changes with the text, and text of the permissions."""
    text = (files(__package__) / "permissions.sql").read_text("utf-8")
    return f"permissions {hashlib.sha256(text.encode()).hexdigest()[:16]}", text


def kind_of(text: str) -> str:
    """Return what a migration does to older versions, as its first line says: `expand` or `contract`."""
    return text.partition("\n")[0].removeprefix("--").strip()


async def migrate(url: str) -> list[str]:
    """Apply what is missing, all in one transaction, and give the names applied. Safe to run by many at once.

    ConfigurationError when the database is of something else, or of a newer version that this one cannot work with, or
    refuses; Transient when it does not answer.
    """
    place = shown_database(url)
    try:
        async with await connect(url, answer=_ANSWER) as connection:
            return await _migrate(connection)
    except OperationalError as error:
        told = f"The database {place} does not answer: {first_line(error)}. Check DATABASE_URL and that it runs."
        raise Transient(told) from error
    except Error as error:
        told = f"The schema of the database {place} cannot be brought up to date: {first_line(error)}."
        raise ConfigurationError(told) from error


async def _migrate(connection: HubConnection) -> list[str]:
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    done = await schema.applied(connection)
    await connection.execute(_TABLE)
    done = done or {}
    schema.check_not_newer(done, (name for name, _ in available()))
    fresh = [(name, text) for name, text in available() if name not in done]
    for _, text in fresh:
        await connection.execute(text)
    name, text = permissions()
    # Migrations may have brought tables; a restored database may have come without its roles.
    if fresh or name not in done or not await _has_roles(connection):
        await _permit(connection, text)
    await _record(connection, fresh)
    if name not in done:
        await connection.execute(_SQL["record"], {"name": name, "kind": None})
        fresh.append((name, text))
    return [name for name, _ in fresh]


async def _record(connection: HubConnection, fresh: list[tuple[str, LiteralString]]) -> None:
    for name, text in fresh:
        await connection.execute(_SQL["record"], {"name": name, "kind": kind_of(text)})
    for name, text in available() if fresh else []:
        await connection.execute(_SQL["set_kind"], {"name": name, "kind": kind_of(text)})


async def _has_roles(connection: HubConnection) -> bool:
    asked = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
    row = await (await connection.execute(asked, [[str(role) for role in DatabaseRole]])).fetchone()
    return row is not None and row["count"] == len(DatabaseRole)


async def _permit(connection: HubConnection, text: LiteralString) -> None:
    try:
        await connection.execute(text)
    except InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The roles of the hub cannot be set up: {error.diag.message_primary}. Have a superuser run, once:\n"
            "  CREATE ROLE integrahub_api LOGIN;\n  CREATE ROLE integrahub_worker LOGIN BYPASSRLS;\n"
            f"  GRANT integrahub_api, integrahub_worker TO {connection.info.user};\nthen migrate again."
        ) from error
