"""Changes of one batch: those that it made, or that a dry run would make."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from integrahub.db.changes.kept import kept_since
from integrahub.db.changes.rows import BatchChange, BatchHead, ChangeCounts, CountedPart
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import ChangeKind

_SQL = load_queries(__name__)
_OF_LOAD, _OF_DRY_RUN = _SQL["of_load"], _SQL["of_dry_run"]
_CHANGES_PER_COUNT = 50_000  # in one statement


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes to read; a member that is None filters nothing."""

    kind: ChangeKind | None = None
    field: str | None = None


async def find_head(database: Database, batch_id: UUID) -> BatchHead | None:
    """Return the batch whose changes are read, or None."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["head"], {"id": batch_id}, BatchHead)


async def count(database: Database, batch: BatchHead) -> ChangeCounts:
    """Count the changes of a final batch: at the first read, and again once some may be deleted."""
    if batch.change_counts and await _are_all_kept(database, batch, batch.change_counts):
        return batch.change_counts
    counts = await _count(database, batch)
    if batch.change_counts is None:
        params = {"id": batch.batch_id, "counts": Jsonb(asdict(counts))}
        async with database.transaction() as connection:
            await connection.execute(_SQL["keep_counts"], params)
    return counts


async def _are_all_kept(database: Database, batch: BatchHead, counts: ChangeCounts) -> bool:
    """Return whether no change of a batch was deleted since it became final."""
    if batch.kind is BatchKind.DRY_RUN:
        return batch.is_recent
    async with database.transaction() as connection:
        kept = await kept_since(connection)
    days = (kept.others, kept.stock if counts.stock_only else None)
    begun_at = min(batch.received_at, batch.finished_at or batch.received_at)  # the clock may have been set back
    return all(first is None or begun_at >= first for first in days)


async def _count(database: Database, batch: BatchHead) -> ChangeCounts:
    """Count in parts, each a statement that ends within the time limit of reads."""
    counts, last_id, read = ChangeCounts(), -1, _CHANGES_PER_COUNT
    while read == _CHANGES_PER_COUNT:
        params = _params_of(batch) | {"after": last_id, "limit": _CHANGES_PER_COUNT}
        async with database.transaction() as connection:
            part = await fetch_one(connection, _from_changes(batch, _SQL["counts"]), params, CountedPart)
        assert part is not None
        counts, read, last_id = counts.plus(part), part.read, -1 if part.last_id is None else part.last_id
    return counts


def _params_of(batch: BatchHead) -> dict[str, object]:
    names = ("batch_id", "pharmacy_id", "received_seq", "received_at", "finished_at")
    return {name: getattr(batch, name) for name in names}


async def page(
    database: Database, batch: BatchHead, filters: ChangeFilter, after: int, limit: int
) -> list[BatchChange]:
    """Return changes of a final batch in the order of product ids, after the product `after`."""
    params = _params_of(batch) | {"only_kind": filters.kind, "only_field": filters.field}
    params |= {"after": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _from_changes(batch, _SQL["page"]), params, BatchChange)


def _from_changes(batch: BatchHead, statement: LiteralString) -> LiteralString:
    source = _OF_DRY_RUN if batch.kind is BatchKind.DRY_RUN else _OF_LOAD
    return "WITH changes AS (" + source + ") " + statement
