"""The audit log: an entry is stored before an operator's action begins and completed when it ends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from integrahub.db.accounts.rows import AuditEntry
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value

_SQL = load_queries(__name__)


class Actor(msgspec.Struct, frozen=True):
    """Who acts: the name of a key or person, the network address, and the id of a person of the console."""

    name: str
    address: str
    user_id: int | None = None


async def start(database: Database, actor: Actor, *, action: str, subject: str, before: Any) -> int:
    """Store an action that is about to begin, and return the id of its entry. `before` is encoded as JSON."""
    params = {
        "actor": actor.name,
        "address": actor.address,
        "user_id": actor.user_id,
        "action": action,
        "subject": subject,
        "before": _to_jsonb(before),
    }
    async with database.transaction() as connection:
        entry_id = await fetch_value(connection, _SQL["start"], params, int)
    assert entry_id is not None
    return entry_id


async def complete(database: Database, entry_id: int, outcome: str, after: Any) -> None:
    """Store the outcome of an action, `done` or the code of an error, and the state after it, encoded as JSON."""
    params = {"id": entry_id, "outcome": outcome, "after": _to_jsonb(after)}
    async with database.transaction() as connection:
        await connection.execute(_SQL["complete_if_open"], params)


async def fetch_page(
    database: Database, filters: Mapping[str, str | None], after: int | None, limit: int
) -> list[AuditEntry]:
    """Return up to `limit` entries, newest first, older than the entry `after`.

    `filters` are values of `actor`, `action` and `subject`; None matches all.
    """
    params = {**filters, "after_id": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["page"], params, AuditEntry)


class AuditFilters(msgspec.Struct, frozen=True):
    """Which entries to read; None matches all. `since` and `until` bound the time at which the action began."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


async def search(database: Database, filters: AuditFilters, after: int | None, limit: int) -> list[AuditEntry]:
    """Return up to `limit` entries, newest first, older than the entry `after`."""
    params = {**msgspec.structs.asdict(filters), "after_id": after, "limit": limit}
    async with database.transaction() as connection:
        await connection.execute(_SQL["plan_for_values"])
        return await fetch_all(connection, _SQL["search"], params, AuditEntry)


async def blank_addresses(database: Database, days: int, limit: int) -> int:
    """Blank addresses older than `days` in up to `limit` entries, and delete old sessions; return how many entries."""
    async with database.transaction() as connection:
        params = {"days": days, "limit": limit}
        return await fetch_value(connection, _SQL["blank_addresses"], params, int) or 0


async def delete_old(database: Database, limit: int) -> int:
    """Delete up to `limit` entries that are more than five years old; return how many."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["delete_old"], {"limit": limit}, int) or 0


def _to_jsonb(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value, dumps=msgspec.json.encode)
