"""List of batches, and what the page of one batch shows besides the batch as clients see it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from integrahub.db.chunks.rows import ChunkPlace
from integrahub.db.console.batch_rows import (
    BatchFacts,
    BodyPlace,
    ChunkLine,
    IssueCount,
    IssueLine,
    ListedBatch,
    RelatedBatch,
    StatusCount,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value
from integrahub.domain.batches import BatchStatus, LoadType
from integrahub.domain.untrusted_text import match_end, match_part

_SQL = load_queries(__name__)
MAX_NAMED = 20  # pharmacies whose batches are found by the pharmacy
MAX_RANKED = 10_000  # latest batches that are sorted by a figure
MAX_COUNTED_ISSUES = 10_000  # issues of a batch that are counted by code, or searched for one code
Sort = Literal["-received", "received", "duration", "rejected", "records"]


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which batches to list; a member that is None filters nothing. `ids` are the first and the last id.

    `suffix` is the end of an id, among the latest 10,000 batches.
    """

    cnpj: str | None = None
    name: str | None = None
    pharmacies: tuple[int, ...] | None = None
    ids: tuple[UUID, UUID] | None = None
    suffix: str | None = None
    statuses: tuple[BatchStatus, ...] | None = None
    load_type: LoadType | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def blocks(self) -> list[LiteralString]:
        """Return the statement's conditions for the members that are given."""
        given = (
            (_SQL["of_cnpj"], self.cnpj),
            (_SQL["of_name"], self.name),
            (_SQL["of_pharmacies"], self.pharmacies),
            (_SQL["of_ids"], self.ids),
            (_SQL["of_suffix"], self.suffix),
            (_SQL["of_status"], self.statuses),
            (_SQL["of_load_type"], self.load_type),
            (_SQL["of_error"], self.error),
            (_SQL["since"], self.since),
            (_SQL["until"], self.until),
        )
        return [block for block, value in given if value is not None]

    def params(self) -> dict[str, object]:
        """Return the parameters of the conditions."""
        first, last = self.ids or (None, None)
        return {
            "cnpj": self.cnpj,
            "name": None if self.name is None else match_part(self.name),
            "pharmacies": None if self.pharmacies is None else list(self.pharmacies),
            "first_id": first,
            "last_id": last,
            "suffix": None if self.suffix is None else match_end(self.suffix),
            "statuses": None if self.statuses is None else list(self.statuses),
            "load_type": self.load_type,
            "error": self.error,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which page of a list: its order, and the date, sort key and id of the last line before it.

    `top` is the first line that a reader sees, by date and id: newer batches are left out.
    """

    sort: Sort = "-received"
    limit: int = 50
    after: tuple[datetime, float, UUID] | None = None
    top: tuple[datetime, UUID] | None = None


async def resolve_name(database: Database, filters: ListFilter) -> ListFilter:
    """Return the filters with pharmacies in place of their name, if it is the name of few.

    Batches of few pharmacies are found by the pharmacy, those of many among the latest batches.
    """
    if filters.name is None:
        return filters
    params = {"name": match_part(filters.name), "limit": MAX_NAMED + 1}
    async with database.transaction() as connection:
        ids = await fetch_column(connection, _SQL["named"], params, int)
    return filters if len(ids) > MAX_NAMED else replace(filters, name=None, pharmacies=tuple(ids))


async def list_page(database: Database, filters: ListFilter, page: ListPage) -> list[ListedBatch]:
    """Return one page of batches. By a figure, only the latest MAX_RANKED of them are sorted."""
    after, after_key, after_id = page.after or (None, None, None)
    params = filters.params() | {"sort": page.sort, "limit": page.limit, "latest": MAX_RANKED}
    top, top_id = page.top or (None, None)
    params |= {"after": after, "after_key": after_key, "after_id": after_id, "top": top, "top_id": top_id}
    async with database.transaction() as connection:
        return await fetch_all(connection, list_statement(filters, page), params, ListedBatch)


def list_statement(filters: ListFilter, page: ListPage) -> LiteralString:
    """Return the statement of a page. Only the conditions that are needed are in it, so that each has a plan."""
    if page.sort not in ("-received", "received"):
        return " ".join([_SQL["ranked"], *filters.blocks(), _SQL["ranked_end"]])
    newest_first = page.sort == "-received"
    order = _SQL["order_newest"] if newest_first else _SQL["order_oldest"]
    after = _SQL["after_newest"] if newest_first else _SQL["after_oldest"]
    cursor = [block for block, given in ((after, page.after), (_SQL["up_to_top"], page.top)) if given]
    return " ".join([_SQL["newest"], *filters.blocks(), *cursor, order])


async def count_by_status(database: Database, filters: ListFilter) -> list[StatusCount]:
    """Count the latest MAX_RANKED batches that match by state."""
    statement = " ".join([_SQL["totals"], *filters.blocks(), _SQL["totals_end"]])
    async with database.transaction() as connection:
        return await fetch_all(connection, statement, filters.params() | {"latest": MAX_RANKED}, StatusCount)


async def count_newer(database: Database, filters: ListFilter, top: tuple[datetime, UUID]) -> int:
    """Count batches that match and are newer than the first line that a reader sees, up to 100."""
    statement = " ".join([_SQL["newer"], *filters.blocks(), _SQL["newer_end"]])
    async with database.transaction() as connection:
        params = filters.params() | {"top": top[0], "top_id": top[1]}
        return await fetch_value(connection, statement, params, int) or 0


async def find_facts(database: Database, batch_id: UUID) -> BatchFacts | None:
    """Return what the page of a batch shows besides the batch as clients see it, or None."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["facts"], {"id": batch_id}, BatchFacts)


async def find_body(database: Database, batch_id: UUID) -> BodyPlace | None:
    """Return where the body of a batch is, or None for an unknown batch."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["body"], {"id": batch_id}, BodyPlace)


async def list_related(database: Database, facts: BatchFacts) -> tuple[list[RelatedBatch], list[RelatedBatch]]:
    """Return the neighbours of a batch in its pharmacy's order, and the operations on it."""
    params = {"id": facts.id, "pharmacy_id": facts.pharmacy_id, "received_seq": facts.received_seq}
    async with database.transaction() as connection:
        neighbours = await fetch_all(connection, _SQL["neighbours"], params, RelatedBatch)
        return neighbours, await fetch_all(connection, _SQL["operations"], params, RelatedBatch)


async def list_chunks(
    database: Database, batch_id: UUID, after: int, limit: int, *, only_troubled: bool
) -> list[ChunkLine]:
    """Return chunks of a batch after the number `after`; `only_troubled`: those that failed or were tried again."""
    params = {"id": batch_id, "after": after, "limit": limit, "only_troubled": only_troubled}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["chunks"], params, ChunkLine)


async def count_issues(database: Database, batch_id: UUID) -> list[IssueCount]:
    """Count the first MAX_COUNTED_ISSUES issues of a batch by severity, code and field."""
    params = {"id": batch_id, "counted": MAX_COUNTED_ISSUES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["issue_counts"], params, IssueCount)


@dataclass(frozen=True, slots=True)
class IssuePage:
    """Which issues of a batch: of a severity and code, if given, after a position, field and code."""

    severity: str | None = None
    code: str | None = None
    after: tuple[int, str, str] | None = None
    limit: int = 50


async def list_issues(database: Database, batch_id: UUID, page: IssuePage) -> list[IssueLine]:
    """Return one page of the issues of a batch, among the next MAX_COUNTED_ISSUES ones."""
    position, field, code = page.after or (-1, "", "")
    params = {"id": batch_id, "severity": page.severity, "code": page.code, "limit": page.limit}
    params |= {"after": position, "after_field": field, "after_code": code, "searched": MAX_COUNTED_ISSUES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["issues"], params, IssueLine)


async def find_place(database: Database, batch_id: UUID, number: int) -> ChunkPlace | None:
    """Return where the records of a chunk are, or None if its row is removed."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["place"], {"id": batch_id, "number": number}, ChunkPlace)
