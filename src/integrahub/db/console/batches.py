"""List of batches, and what the page of one batch shows besides the batch as clients see it."""

from dataclasses import dataclass
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
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.batches import BatchStatus, LoadType

_SQL = load_queries(__name__)
MAX_RANKED = 10_000  # latest batches that are sorted by a figure
MAX_COUNTED_ISSUES = 10_000  # issues of a batch that are counted by code, or searched for one code
Sort = Literal["-received", "received", "duration", "rejected", "records"]


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which batches to list; a member that is None filters nothing. `ids` are the first and the last id."""

    cnpj: str | None = None
    name: str | None = None
    ids: tuple[UUID, UUID] | None = None
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
            (_SQL["of_ids"], self.ids),
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
            "name": None if self.name is None else f"%{escape_pattern(self.name)}%",
            "first_id": first,
            "last_id": last,
            "statuses": None if self.statuses is None else list(self.statuses),
            "load_type": self.load_type,
            "error": self.error,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which page of a list: its order, and the date, sort key and id of the last line before it."""

    sort: Sort = "-received"
    limit: int = 50
    after: tuple[datetime, float, UUID] | None = None


def escape_pattern(text: str) -> str:
    """Return a text to search for in LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def list_page(database: Database, filters: ListFilter, page: ListPage) -> list[ListedBatch]:
    """Return one page of batches. By a figure, only the latest MAX_RANKED of them are sorted."""
    after, after_key, after_id = page.after or (None, None, None)
    params = filters.params() | {"sort": page.sort, "limit": page.limit, "latest": MAX_RANKED}
    params |= {"after": after, "after_key": after_key, "after_id": after_id}
    async with database.transaction() as connection:
        return await fetch_all(connection, list_statement(filters, page), params, ListedBatch)


def list_statement(filters: ListFilter, page: ListPage) -> LiteralString:
    """Return the statement of a page. Only the conditions that are needed are in it, so that each has a plan."""
    if page.sort not in ("-received", "received"):
        return " ".join([_SQL["ranked"], *filters.blocks(), _SQL["ranked_end"]])
    newest_first = page.sort == "-received"
    order = _SQL["order_newest"] if newest_first else _SQL["order_oldest"]
    after = _SQL["after_newest"] if newest_first else _SQL["after_oldest"]
    return " ".join([_SQL["newest"], *filters.blocks(), *([after] if page.after else []), order])


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
