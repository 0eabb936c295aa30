"""List of batches."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import decode_cursor, decode_top, hold_top, read_time, split_page
from integrahub.console.search_terms import SearchTerms
from integrahub.console.time_ranges import parse_time
from integrahub.db.batches import reports
from integrahub.db.console import batches
from integrahub.db.console.batch_rows import ListedBatch, StatusCount
from integrahub.db.console.batches import MAX_RANKED, ListFilter, ListPage, Sort
from integrahub.domain import cursors
from integrahub.domain.batches import BatchStatus, LoadType
from integrahub.domain.languages import Language
from integrahub.domain.people.roles import Role
from integrahub.domain.pharmacies import unmask
from integrahub.domain.views.batch import BatchView, view_batch
from integrahub.reports.estimates import CompletionEstimates

PAGE_SIZE = 50
DEFAULT_SINCE = "24h"
_ALL_TIME = "all"
_STATUS_GROUPS = {
    "running": (BatchStatus.RECEIVED, BatchStatus.PROCESSING),
    "troubled": (BatchStatus.PARTIAL_FAIL, BatchStatus.FAILED),
} | {str(status): (status,) for status in BatchStatus}
_LOAD_TYPES = {str(load_type): load_type for load_type in LoadType}
_MAX_TEXT = 200  # characters of a search


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A line of the list: the batch as clients see it, its pharmacy's name and the key that posted it."""

    batch: BatchView
    listed: ListedBatch


@dataclass(frozen=True, slots=True)
class BatchListView:
    """The list of batches, with the filters in force."""

    lines: list[BatchLine]
    totals: list[StatusCount]
    newer: int
    next_cursor: str | None
    poll: dict[str, str]
    q: str
    status: str
    load_type: str
    cnpj: str
    error: str
    since: str
    since_at: datetime | None
    until: str
    until_at: datetime | None
    sort: str

    @property
    def total(self) -> int:
        """Return how many batches match, at most MAX_RANKED."""
        return sum(total.count for total in self.totals)

    @property
    def is_bounded(self) -> bool:
        """Return whether more batches match than were counted."""
        return self.total >= MAX_RANKED

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of batches by state, and of those that wait for a decision as `held`."""
        counts = dict.fromkeys(BatchStatus, 0) | {total.status: total.count for total in self.totals}
        running = counts[BatchStatus.RECEIVED] + counts[BatchStatus.PROCESSING]
        held = sum(total.held for total in self.totals)
        return {str(status): count for status, count in counts.items()} | {"held": held, "running": running}

    @property
    def is_running(self) -> bool:
        """Return whether a batch of the page is not final."""
        return any(line.batch.finished_at is None for line in self.lines)


class BatchPages:
    """The page with the list of batches."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._estimates = CompletionEstimates(console.reads)

    async def show_list(self, request: Request) -> Response:
        """Answer with the list of batches."""
        query = request.query_params
        filters = await batches.resolve_name(self._console.reads, parse_filters(query, self._console.clock()))
        sort: Any = query.get("sort") if query.get("sort") in get_args(Sort) else "-received"
        top = decode_top(query) if sort == "-received" else None
        page = ListPage(sort, PAGE_SIZE + 1, _decode_after(query), top)
        listed, last = split_page(await batches.list_page(self._console.reads, filters, page), PAGE_SIZE)
        newer = await batches.count_newer(self._console.reads, filters, page.top) if page.top else 0
        view = BatchListView(
            lines=await self._read_lines(listed),
            totals=await batches.count_by_status(self._console.reads, filters),
            newer=newer,
            next_cursor=_next_cursor(last),
            poll=self._poll_parameters(query, listed, page),
            q=query.get("q", "")[:_MAX_TEXT],
            status=query.get("status", "") if query.get("status") in _STATUS_GROUPS else "",
            load_type=query.get("load_type", "") if query.get("load_type") in _LOAD_TYPES else "",
            cnpj=filters.cnpj or "",
            error=filters.error or "",
            since=_chosen_since(query, filters),
            since_at=filters.since,
            until=query.get("until", "") if filters.until else "",
            until_at=filters.until,
            sort=sort,
        )
        return self._console.page(request, "batches/list.html", view)

    def _poll_parameters(self, query: QueryParams, listed: list[ListedBatch], page: ListPage) -> dict[str, str]:
        if page.sort != "-received":
            return dict(query)
        first = (listed[0].received_at, listed[0].id) if listed else None
        return hold_top(query, page.top, first, self._console.clock())

    async def _read_lines(self, listed: list[ListedBatch]) -> list[BatchLine]:
        database = self._console.reads
        found = {report.batch_id: report for report in await reports.show_all(database, [line.id for line in listed])}
        estimates = await self._estimates(database, found.values())
        return [
            BatchLine(view_batch(found[line.id], Language.EN, estimates.get(line.id)), line)
            for line in listed
            if line.id in found
        ]


def parse_filters(query: QueryParams, now: datetime) -> ListFilter:
    """Return the filters of an address. A value that is none of its parameter's filters nothing.

    A span such as `24h` ends at `until`, so that a link that names it always shows the same batches.
    """
    terms = SearchTerms.parse(query.get("q", "")[:_MAX_TEXT])
    cnpj = unmask(query["cnpj"])[:14] if query.get("cnpj") else None
    since = query.get("since") or DEFAULT_SINCE
    is_id = terms.ids or terms.suffix
    until = parse_time(query.get("until"), now)
    return ListFilter(
        cnpj=terms.cnpj or cnpj,
        name=None if is_id or terms.cnpj or not terms.text else terms.text,
        ids=terms.ids,
        suffix=terms.suffix if not terms.ids else None,
        statuses=_STATUS_GROUPS.get(query.get("status", "")),
        load_type=_LOAD_TYPES.get(query.get("load_type", "")),
        error=query.get("error", "").replace("\0", "")[:_MAX_TEXT] or None,
        since=None if since == _ALL_TIME or is_id else parse_time(since, until or now),
        until=until,
    )


def _chosen_since(query: QueryParams, filters: ListFilter) -> str:
    """Return the choice of the form that is in force. A search by id looks at any time."""
    return (query.get("since") or DEFAULT_SINCE) if filters.since else _ALL_TIME


def _decode_after(query: QueryParams) -> tuple[datetime, float, UUID] | None:
    values = decode_cursor(query.get("cursor"), read_time, float, UUID)
    return (values[0], values[1], values[2]) if values else None


def _next_cursor(last: ListedBatch | None) -> str | None:
    return cursors.encode(last.received_at.isoformat(), str(last.sort_key), str(last.id)) if last else None


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route of the list."""
    pages, router = BatchPages(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(f"{ROOT}/batches", pages.show_list, methods=["GET"], dependencies=viewer, response_model=None)
    return router
