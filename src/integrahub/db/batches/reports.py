"""Reports: batches and their rejected records as clients read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from integrahub.db.batches.report_rows import IssueReport
from integrahub.db.chunks.rows import RejectedChunk
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.domain.batches import BatchStatus, DeactivationState, LoadType
from integrahub.domain.views.batch import BatchReport

_SQL = load_queries(__name__)


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches a client lists; a member that is None filters nothing. `ids` are the first and the last id."""

    cnpjs: list[str] | None = None
    status: BatchStatus | None = None
    load_type: LoadType | None = None
    since: datetime | None = None
    until: datetime | None = None
    deactivation: DeactivationState | None = None
    ids: tuple[UUID, UUID] | None = None


async def show(database: Database, batch_id: UUID) -> BatchReport | None:
    """Return the batch, or None."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["batches"] + " " + _SQL["by_id"], {"id": batch_id}, BatchReport)


async def show_all(database: Database, ids: Sequence[UUID]) -> list[BatchReport]:
    """Return those of the batches that exist."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["batches"] + " " + _SQL["by_ids"], {"ids": list(ids)}, BatchReport)


async def page(
    database: Database, filters: BatchFilter, after: tuple[str, str] | None, limit: int
) -> list[BatchReport]:
    """Return one page of batches, newest first. `after` is the date of receipt and the id of the page before."""
    first, last = filters.ids or (None, None)
    after_date, after_id = after or (None, None)
    params = {
        "cnpjs": filters.cnpjs,
        "status": filters.status,
        "load_type": filters.load_type,
        "since": filters.since,
        "until": filters.until,
        "deactivation": filters.deactivation,
        "first": first,
        "last": last,
        "after": after_date,
        "after_id": after_id,
        "limit": limit,
    }
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["batches"] + " " + _SQL["page"], params, BatchReport)


async def issues(
    database: Database, batch_id: UUID, after: tuple[int, str, str] | None, limit: int
) -> list[IssueReport]:
    """Return one page of rejections and warnings in the order of the body, after a position, field and code."""
    position, field, code = after or (None, "", "")
    params = {"id": batch_id, "after": position, "after_field": field, "after_code": code, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["issues"], params, IssueReport)


async def find_hash(database: Database, batch_id: UUID) -> bytes:
    """Return the SHA-256 of the decoded body of a batch that exists."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["hash"], {"id": batch_id}, bytes) or b""


async def rejected_chunks(database: Database, batch_id: UUID) -> list[RejectedChunk]:
    """Return the chunks of a batch that have rejected records."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["rejected_positions"], {"id": batch_id}, RejectedChunk)
