"""Changes of one batch: those that it made, or that a dry run would make."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.changes.rows import BatchChange, BatchHead, ChangeCounts, FieldCount
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import ChangeKind

_SQL = load_queries(__name__)
_OF_LOAD, _OF_DRY_RUN = _SQL["of_load"], _SQL["of_dry_run"]


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes to read; a member that is None filters nothing."""

    kind: ChangeKind | None = None
    field: str | None = None


async def find_head(database: Database, batch_id: UUID) -> BatchHead | None:
    """Return the batch whose changes are read, or None."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["head"], {"id": batch_id}, BatchHead)


async def count(database: Database, batch: BatchHead) -> tuple[ChangeCounts, list[FieldCount]]:
    """Count the changes of a final batch by kind and by field."""
    async with database.transaction() as connection:
        counts = await fetch_one(connection, _from_changes(batch, _SQL["counts"]), asdict(batch), ChangeCounts)
        fields = await fetch_all(connection, _from_changes(batch, _SQL["fields"]), asdict(batch), FieldCount)
    assert counts is not None
    return counts, fields


async def page(
    database: Database, batch: BatchHead, filters: ChangeFilter, after: int, limit: int
) -> list[BatchChange]:
    """Return changes of a final batch in the order of product ids, after the product `after`."""
    params = asdict(batch) | {"only_kind": filters.kind, "only_field": filters.field, "after": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _from_changes(batch, _SQL["page"]), params, BatchChange)


def _from_changes(batch: BatchHead, statement: LiteralString) -> LiteralString:
    source = _OF_DRY_RUN if batch.kind is BatchKind.DRY_RUN else _OF_LOAD
    return "WITH changes AS (" + source + ") " + statement
