"""Page of one batch: why it ended so, its timeline and counters, and a tab of records, changes, blocks or its file."""

from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import decode_cursor, split_page
from integrahub.console.pages.batches_views import BatchDetail, ChangesTab, ChunksTab, RecordsTab, Timeline
from integrahub.db.batches import reports
from integrahub.db.changes import batch_changes
from integrahub.db.changes.batch_changes import ChangeFilter
from integrahub.db.console import batches
from integrahub.db.console.batch_rows import BatchFacts, IssueLine
from integrahub.db.console.batches import IssuePage
from integrahub.domain import cursors
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import ChangeKind
from integrahub.domain.errors import NotFound, Problem
from integrahub.domain.messages.catalog import record_message, render_message
from integrahub.domain.people.roles import Role
from integrahub.domain.views.batch import BatchReport, view_batch
from integrahub.domain.views.raw_record import MarkedText, mark_member
from integrahub.reports import batch_changes as changes_report
from integrahub.reports.estimates import CompletionEstimates
from integrahub.reports.stored_records import read_excerpt, read_record
from integrahub.storage.bodies import StoredBody

PAGE_SIZE = 50
TABS = ("records", "changes", "blocks", "file")
_KINDS = {str(kind): kind for kind in ChangeKind}


class BatchPage:
    """The page of one batch."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._estimates = CompletionEstimates(console.reads)

    async def show(self, request: Request, batch_id: UUID) -> Response:
        """Answer with the page of a batch."""
        database, language = self._console.reads, self._console.renderer.language_of(request)
        report, facts = await reports.show(database, batch_id), await batches.find_facts(database, batch_id)
        if report is None or facts is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        estimate = (await self._estimates(database, [report])).get(batch_id)
        neighbours, operations = await batches.list_related(database, facts)
        tab = request.query_params.get("tab", "")
        view = BatchDetail(
            batch=view_batch(report, language, estimate),
            facts=facts,
            timeline=Timeline.of(report, facts),
            neighbours=neighbours,
            operations=operations,
            excerpt=await self._excerpt(report, facts),
            tab=tab if tab in TABS else TABS[0],
            has_history=self._console.hub.settings.history,
        )
        view = await self._with_tab(request, view)
        return self._console.renderer.page(request, "batches/detail.html", view, zone=facts.time_zone)

    async def _with_tab(self, request: Request, view: BatchDetail) -> BatchDetail:
        if view.tab == "records":
            return view.with_records(await self._records(request, view))
        if view.tab == "changes" and view.batch.finished_at:
            return view.with_changes(await self._changes(request, view))
        if view.tab == "blocks":
            return view.with_chunks(await self._chunks(request, view.facts.id))
        return view

    async def _excerpt(self, report: BatchReport, facts: BatchFacts) -> MarkedText | None:
        """Return the body around the byte at which it cannot be read."""
        if report.error_offset is None or not facts.has_body:
            return None
        place = await batches.find_body(self._console.reads, report.batch_id)
        if place is None:
            return None
        body = StoredBody(place.location, place.content, place.media_type, place.encoding)
        return await read_excerpt(self._console.hub.storage, body, report.error_offset)

    async def _records(self, request: Request, view: BatchDetail) -> RecordsTab:
        if not view.has_issues:
            return RecordsTab()
        query, batch_id, database = request.query_params, view.facts.id, self._console.reads
        after = decode_cursor(query.get("cursor"), int, str, str)
        severity, code = (query.get(name, "").replace("\0", "") or None for name in ("severity", "code"))
        page = IssuePage(severity, code, tuple(after) if after else None, PAGE_SIZE + 1)
        language = self._console.renderer.language_of(request)
        issues, last = split_page(await batches.list_issues(database, batch_id, page), PAGE_SIZE)
        chosen = _choose(issues, query.get("record"))
        return RecordsTab(
            counts=await batches.count_issues(database, batch_id),
            issues=issues,
            messages={issue.code: record_message(issue.code).in_language(language) for issue in issues},
            chosen=chosen,
            record=await self._record(batch_id, chosen) if chosen else None,
            severity=severity or "",
            code=code or "",
            next_cursor=cursors.encode(last.position, last.field, last.code) if last else None,
        )

    async def _record(self, batch_id: UUID, issue: IssueLine) -> MarkedText | None:
        place = await batches.find_place(self._console.reads, batch_id, issue.chunk)
        record = await read_record(self._console.hub.storage, place, issue.position) if place else None
        return None if record is None else mark_member(record, issue.key)

    async def _changes(self, request: Request, view: BatchDetail) -> ChangesTab:
        query, database = request.query_params, self._console.reads
        head = await batch_changes.find_head(database, view.facts.id)
        assert head is not None
        if not view.has_history and head.kind is not BatchKind.DRY_RUN:
            return ChangesTab(refusal=self._sentence(request, "history_off"))
        try:
            summary = await changes_report.summarise(database, head)
        except Problem as problem:
            return ChangesTab(refusal=self._sentence(request, problem.code, **problem.facts))
        filters = ChangeFilter(_KINDS.get(query.get("kind", "")), query.get("field", "").replace("\0", "") or None)
        after = decode_cursor(query.get("cursor"), int)
        found = await batch_changes.page(database, head, filters, after[0] if after else 0, PAGE_SIZE + 1)
        rows, last = split_page(found, PAGE_SIZE)
        next_cursor = cursors.encode(last.product_id) if last else None
        return ChangesTab(summary, rows, str(filters.kind or ""), filters.field or "", next_cursor)

    def _sentence(self, request: Request, code: str, **facts: object) -> str:
        return render_message(code, facts).in_language(self._console.renderer.language_of(request))

    async def _chunks(self, request: Request, batch_id: UUID) -> ChunksTab:
        query = request.query_params
        only_troubled = query.get("blocks") == "troubled"
        after = decode_cursor(query.get("cursor"), int)
        found = await batches.list_chunks(
            self._console.reads, batch_id, after[0] if after else -1, PAGE_SIZE + 1, only_troubled=only_troubled
        )
        rows, last = split_page(found, PAGE_SIZE)
        next_cursor = cursors.encode(last.number) if last else None
        return ChunksTab(rows, next_cursor, only_troubled=only_troubled)


def _choose(issues: list[IssueLine], record: str | None) -> IssueLine | None:
    """Return the issue whose record is shown: the one at a position, else the first."""
    at = (issue for issue in issues if str(issue.position) == record)
    return next(at, issues[0] if issues else None)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route of a batch."""
    page, router = BatchPage(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(
        f"{ROOT}/batches/{{batch_id}}", page.show, methods=["GET"], dependencies=viewer, response_model=None
    )
    return router
