"""Reads of `batches` and `record_issues` for clients."""

from datetime import datetime
from typing import Any
from uuid import UUID

from integrahub.db.chunks.rows import RejectedChunk
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def show(database: Database, batch_id: UUID) -> Row | None:
    """The batch as clients see it, or None."""
    async with database.transaction() as connection:
        statement = _SQL["batches"] + " " + _SQL["by_id"]
        return await (await connection.execute(statement, {"id": batch_id})).fetchone()


async def page(
    database: Database,
    cnpjs: list[str] | None,
    *,
    status: str | None,
    load_type: str | None,
    since: datetime | None,
    until: datetime | None,
    deactivation: str | None,
    ids: tuple[UUID, UUID] | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Row]:
    """Batches of these pharmacies (None: of all) and, where given, from one id to another, newest first."""
    values: Row = {
        "cnpjs": cnpjs,
        "status": status,
        "load_type": load_type,
        "since": since,
        "until": until,
        "limit": limit,
    }
    values |= {"deactivation": deactivation, "first": ids[0] if ids else None, "last": ids[1] if ids else None}
    values |= {"after": after[0] if after else None, "after_id": after[1] if after else None}
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["batches"] + " " + _SQL["page"], values)).fetchall()


async def issues(database: Database, batch_id: UUID, after: tuple[int, str, str] | None, limit: int) -> list[Row]:
    """Rejections and warnings in the body's order, after a position, field and code."""
    position, field, code = after or (None, "", "")
    values = {"id": batch_id, "after": position, "after_field": field, "after_code": code, "limit": limit}
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["faults"], values)).fetchall()


async def rejected_positions(database: Database, batch_id: UUID) -> list[RejectedChunk]:
    """Return the chunks of a batch that have rejected records, in order."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["rejected_positions"], {"id": batch_id}, RejectedChunk)
