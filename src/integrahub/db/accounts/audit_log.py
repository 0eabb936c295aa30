"""Rows of `audit_log`: what operators did, noted before it is done and completed after."""

from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from integrahub.db.database import Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
Row = dict[str, Any]


def _json(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value, dumps=msgspec.json.encode)


async def begin(database: Database, *, actor: str, address: str, action: str, subject: str, before: Any) -> int:
    """Note an action about to be done: the entry's id."""
    values = {"actor": actor, "address": address, "action": action, "subject": subject, "before": _json(before)}
    async with database.transaction() as connection:
        row = await (await connection.execute(_SQL["start"], values)).fetchone()
    assert row is not None
    return int(row["id"])


async def end(database: Database, entry: int, outcome: str, after: Any) -> None:
    """Complete the entry: `done` or the code of the refusal, and what is so now."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["complete_if_open"], {"id": entry, "outcome": outcome, "after": _json(after)})


async def page(database: Database, wanted: Row, after: int | None, limit: int) -> list[Row]:
    """Entries newest first, of an `actor`, `action` and `subject` where these are given."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["page"], wanted | {"after_id": after, "limit": limit})).fetchall()
