"""Reads of the system page: the server, and the migrations that were applied."""

from datetime import datetime

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one

_SQL = load_queries(__name__)


class ServerRow(msgspec.Struct, frozen=True):
    """The server of the database, and how many bytes the database takes."""

    version: str
    bytes: int


class MigrationRow(msgspec.Struct, frozen=True):
    """A migration that was applied. `kind`: `expand`, or `contract` if older versions cannot work any more."""

    name: str
    kind: str | None
    applied_at: datetime | None


async def find_server(database: Database) -> ServerRow:
    """Return the server of the database."""
    async with database.transaction() as connection:
        row = await fetch_one(connection, _SQL["server"], None, ServerRow)
    assert row is not None
    return row


async def find_migrations(database: Database) -> list[MigrationRow]:
    """Return the migrations that were applied, the latest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["migrations"], None, MigrationRow)
