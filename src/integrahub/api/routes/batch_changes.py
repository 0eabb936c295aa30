"""Routes of what a batch changed, and of the products that a FULL does not contain."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_id
from integrahub.api.models.batch_changes import AbsentProductsPage, ChangesPage
from integrahub.api.report_formats import describe_formats, stream_report
from integrahub.api.routes.batches import BatchReports, CsvLocale, Cursor, ReportFormat
from integrahub.db.batches import absent_products
from integrahub.db.batches.report_rows import AbsentProduct
from integrahub.db.changes import batch_changes
from integrahub.db.changes.batch_changes import ChangeFilter
from integrahub.db.changes.rows import BatchChange, BatchHead
from integrahub.db.database import Database
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import COMPARED_COLUMNS, ChangeKind
from integrahub.reports import batch_changes as changes_report
from integrahub.reports.batch_changes import ABSENT_COLUMNS, CHANGE_COLUMNS, ChangeSummary, to_item, to_items, to_lines
from integrahub.reports.encodings import encode_json

_CHANGES: dict[str, Any] = {
    "summary": "What a batch changed, or a dry run would change",
    "response_model": ChangesPage,
    "responses": describe_formats(CHANGE_COLUMNS, "4811,updated,price,12.9,129"),
}
_ABSENT: dict[str, Any] = {
    "summary": "Products that a deactivation switched off, or that its approval would",
    "response_model": AbsentProductsPage,
    "responses": describe_formats(ABSENT_COLUMNS, "77,DIPIRONA 500MG,7896004703398,8.5,12"),
}
ListedKind = Literal["inserted", "updated", "reactivated", "deactivated"]
_FIELD = "^(" + "|".join(COMPARED_COLUMNS) + ")$"
PageLimit = Annotated[int, Query(ge=1, le=1000, description="products a page")]


def router(batch_reports: BatchReports, authenticate: Authenticate, *, has_history: bool) -> APIRouter:
    """Return the routes; they require a key of the pharmacy, or a viewer's."""
    routes = AuthenticatedRouter(tags=["batches"])
    _add_changes(routes, batch_reports, authenticate, has_history=has_history)
    _add_absent_products(routes, batch_reports, authenticate)
    return routes


def _add_changes(
    routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate, *, has_history: bool
) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/batches/{batch_id}/changes", **_CHANGES)
    async def changes(
        batch_id: UUID,
        caller: Reader,
        format: ReportFormat = "json",
        locale: CsvLocale = "en",
        kind: Annotated[ListedKind | None, Query(description="only changes of this kind")] = None,
        field: Annotated[str | None, Query(pattern=_FIELD, description="only changes of this field")] = None,
        cursor: Cursor = None,
        limit: PageLimit = 100,
    ) -> Response:
        reads = batch_reports.within(caller)
        batch = await changes_report.find_batch(reads, caller, batch_id, has_history=has_history)
        filters = ChangeFilter(ChangeKind(kind) if kind else None, field)
        if format == "json":
            return Response(await _encode_page(reads, batch, filters, cursor, limit), media_type="application/json")
        await changes_report.summarise(reads, batch)
        pages = changes_report.read_all(reads, batch, filters)
        return stream_report(to_lines(pages) if format == "csv" else to_items(pages), format, locale, CHANGE_COLUMNS)


def _add_absent_products(routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/batches/{batch_id}/deactivation/products", **_ABSENT)
    async def absent(
        batch_id: UUID,
        caller: Reader,
        format: ReportFormat = "json",
        locale: CsvLocale = "en",
        in_stock: Annotated[bool | None, Query(description="only products with stock, or without")] = None,
        cursor: Cursor = None,
        limit: PageLimit = 100,
    ) -> Response:
        await batch_reports.find(caller, batch_id)
        reads = batch_reports.within(caller)
        report = await changes_report.find_deactivation(reads, batch_id)
        if format != "json":
            pages = to_items(changes_report.read_all_absent(reads, report, in_stock=in_stock))
            return stream_report(pages, format, locale, ABSENT_COLUMNS)
        rows = await absent_products.page(reads, report, decode_id(cursor) or 0, limit, in_stock=in_stock)
        page = {"batch_id": str(batch_id), "state": report.state, "items": [to_item(row) for row in rows]}
        return Response(encode_json(page | {"next_cursor": _next(rows, limit)}), media_type="application/json")


async def _encode_page(
    database: Database, batch: BatchHead, filters: ChangeFilter, cursor: str | None, limit: int
) -> bytes:
    after = decode_id(cursor)
    summary = None if after else _to_summary(await changes_report.summarise(database, batch))
    rows = await batch_changes.page(database, batch, filters, after or 0, limit)
    return encode_json(
        {
            "batch_id": str(batch.batch_id),
            "dry_run": batch.kind is BatchKind.DRY_RUN,
            "summary": summary,
            "items": [to_item(row) for row in rows],
            "next_cursor": _next(rows, limit),
        }
    )


def _to_summary(summary: ChangeSummary) -> dict[str, Any]:
    counts = summary.counts
    names = ("updated", "reactivated", "deactivated")
    return {
        "kinds": {"inserted": summary.inserted} | {name: getattr(counts, name) for name in names},
        "fields": dict(sorted(counts.fields.items())),
        "prices": {name: getattr(counts, name) for name in ("up", "down", "to_zero", "over_5_times")},
        "reset": counts.resets > 0,
        "missing": summary.missing,
    }


def _next(rows: list[BatchChange] | list[AbsentProduct], limit: int) -> str | None:
    return cursors.encode(rows[-1].product_id) if len(rows) == limit else None
