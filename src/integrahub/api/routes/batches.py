"""Routes of batches: list, state, report of errors, and rejected records."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.batch_views import MAX_POLL_SECONDS, MIN_POLL_SECONDS, find_poll_interval, to_batch_answer
from integrahub.api.cursors import decode_values
from integrahub.api.language import AnswerLanguage
from integrahub.api.models.base import Moment
from integrahub.api.models.batches import BatchAnswer, BatchPage, IssuePage
from integrahub.api.report_formats import describe_formats, stream_report
from integrahub.db.batches import reports
from integrahub.db.batches.reports import BatchFilter
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchStatus, DeactivationState, LoadType
from integrahub.domain.dialects.base import KeyNames
from integrahub.domain.errors import Forbidden, Gone, NotFound
from integrahub.domain.ids import ID_PREFIX, expand_id_prefix
from integrahub.domain.languages import Language
from integrahub.domain.pharmacies import unmask
from integrahub.domain.views.batch import BatchReport
from integrahub.domain.views.estimate import Estimate
from integrahub.reports.encodings import Locale, encode_json
from integrahub.reports.estimates import CompletionEstimates
from integrahub.reports.issues import ISSUE_COLUMNS, read_all_issues, to_issue
from integrahub.reports.rejected_records import read_as_array
from integrahub.storage.base import ObjectDamaged, ObjectMissing, Storage

_ISSUE_LINE = (
    "4811,1204311,rejected,4812,{key},price_invalid,caro,O preço não é um número.,The price is not a number.,"
    "019ca8a21b3c7d4e8f50617283940a1b,/4811/{key},7896004703390"
)
_RETRY_AFTER: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Retry-After": {
                "description": "while the batch is not final: seconds after which to read it again",
                "schema": {"type": "integer", "minimum": MIN_POLL_SECONDS, "maximum": MAX_POLL_SECONDS},
            }
        }
    }
}


Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]
ReportFormat = Annotated[
    Literal["json", "ndjson", "csv"], Query(description="json: in pages; ndjson and csv: the whole report")
]
CsvLocale = Annotated[
    Locale, Query(description="of CSV; pt-BR: semicolons, decimal commas and a byte order mark, for Excel")
]
IssueLimit = Annotated[int, Query(ge=1, le=1000, description="issues a page")]


class BatchReports:
    """Read batches as far as a caller may see them."""

    def __init__(self, database: Database, storage: Storage, estimates: CompletionEstimates, report_days: int) -> None:
        self._database = database
        self._estimates = estimates
        self._storage = storage
        self._report_days = report_days  # 0: forever

    async def list_page(
        self, caller: Caller, filters: BatchFilter, cursor: str | None, limit: int, language: Language
    ) -> BatchPage:
        """Return one page of batches, newest first."""
        database = self.within(caller)
        rows = await reports.page(database, filters, decode_values(cursor, str, str), limit)
        estimates = await self._estimates(database, rows)
        last = rows[-1] if len(rows) == limit else None
        return BatchPage(
            items=[to_batch_answer(row, language, estimates.get(row.batch_id)) for row in rows],
            next_cursor=cursors.encode(last.received_at.isoformat(), str(last.batch_id)) if last else None,
        )

    async def find(self, caller: Caller, batch_id: UUID) -> BatchReport:
        """Return a batch. Raise NotFound also if it belongs to a pharmacy that the caller may not see."""
        batch = await reports.show(self.within(caller), batch_id)
        if batch is None or not caller.can_see(batch.cnpj):
            raise NotFound("batch_not_found", batch_id=batch_id)
        return batch

    async def estimate(self, caller: Caller, batch: BatchReport) -> Estimate | None:
        """Return when an unfinished batch will be final, if that can be estimated."""
        return (await self._estimates(self.within(caller), [batch])).get(batch.batch_id)

    async def find_with_report(self, caller: Caller, batch_id: UUID) -> BatchReport:
        """Return a batch. Raise NotFound as `find`, Gone if its report is past its retention."""
        batch = await self.find(caller, batch_id)
        is_late = batch.finished_at and batch.now - batch.finished_at > timedelta(days=self._report_days)
        if batch.report_removed_at or (self._report_days and is_late):
            raise Gone("report_expired", batch_id=batch_id, days=self._report_days)
        return batch

    async def list_issues(self, caller: Caller, batch_id: UUID, cursor: str | None, limit: int) -> bytes:
        """Return one page of the report of errors as JSON, an `IssuePage`."""
        position = decode_values(cursor, int, str, str)
        rows = await reports.issues(self.within(caller), batch_id, position, limit)
        last = rows[-1] if len(rows) == limit else None
        next_cursor = cursors.encode(last.position, last.field, last.code) if last else None
        return encode_json({"items": [to_issue(row, batch_id) for row in rows], "next_cursor": next_cursor})

    def read_rejected_records(self, caller: Caller, batch_id: UUID) -> AsyncIterator[bytes]:
        """Yield the rejected records as one JSON array."""
        return read_as_array(self.within(caller), self._storage, batch_id)

    def within(self, caller: Caller) -> Database:
        """Return the database as far as the caller may see it."""
        return self._database.for_tenants(TenantContext.of_cnpjs(caller.cnpjs))


def _visible_cnpjs(caller: Caller, cnpj: str | None) -> list[str] | None:
    """Return the CNPJs to list, None for all. Raise Forbidden for a CNPJ that the caller may not see."""
    if not cnpj:
        return None if caller.cnpjs is None else sorted(caller.cnpjs)
    if not caller.can_see(unmask(cnpj)):
        raise Forbidden("other_pharmacy", cnpj=unmask(cnpj)[:20])
    return [unmask(cnpj)]


def router(batch_reports: BatchReports, authenticate: Authenticate, keys: KeyNames) -> APIRouter:
    """Return the routes; they require a key of the pharmacy, or a viewer's. `keys` are those of posted records."""
    routes = AuthenticatedRouter(tags=["batches"])
    _add_list(routes, batch_reports, authenticate)
    _add_state(routes, batch_reports, authenticate)
    _add_issues(routes, batch_reports, authenticate, keys)
    _add_rejected_records(routes, batch_reports, authenticate)
    return routes


def _add_list(routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/batches", summary="Batches, newest first")
    async def page(
        caller: Reader,
        language: AnswerLanguage,
        cnpj: str | None = None,
        status: BatchStatus | None = None,
        load_type: LoadType | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        deactivation: DeactivationState | None = None,
        id_prefix: Annotated[str | None, Query(pattern=ID_PREFIX)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> BatchPage:
        ids = None if id_prefix is None else expand_id_prefix(id_prefix)
        filters = BatchFilter(_visible_cnpjs(caller, cnpj), status, load_type, since, until, deactivation, ids)
        return await batch_reports.list_page(caller, filters, cursor, limit, language)


def _add_state(routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/batches/{batch_id}", summary="State and counters of a batch", responses=_RETRY_AFTER)
    async def show(batch_id: UUID, caller: Reader, language: AnswerLanguage, response: Response) -> BatchAnswer:
        batch = await batch_reports.find(caller, batch_id)
        estimate = await batch_reports.estimate(caller, batch)
        response.headers.update(_poll_headers(batch, estimate))
        return to_batch_answer(batch, language, estimate)


def _poll_headers(batch: BatchReport, estimate: Estimate | None) -> dict[str, str]:
    seconds = find_poll_interval(batch, estimate)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _add_issues(routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate, keys: KeyNames) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get(
        "/v1/batches/{batch_id}/errors",
        summary="Report of errors",
        response_model=IssuePage,
        responses=describe_formats(ISSUE_COLUMNS, _ISSUE_LINE.format(key=keys.price)),
    )
    async def errors(
        batch_id: UUID,
        caller: Reader,
        format: ReportFormat = "json",
        locale: CsvLocale = "en",
        cursor: Cursor = None,
        limit: IssueLimit = 100,
    ) -> Response:
        await batch_reports.find_with_report(caller, batch_id)
        if format == "json":
            body = await batch_reports.list_issues(caller, batch_id, cursor, limit)
            return Response(body, media_type="application/json")
        pages = read_all_issues(batch_reports.within(caller), batch_id)
        return stream_report(pages, format, locale, filename=f"{batch_id}-errors.csv")


def _add_rejected_records(routes: APIRouter, batch_reports: BatchReports, authenticate: Authenticate) -> None:
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get(
        "/v1/batches/{batch_id}/rejected",
        summary="Rejected records, to correct and post as a DELTA",
        response_model=list[Any],
    )
    async def rejected(batch_id: UUID, caller: Reader) -> Response:
        batch = await batch_reports.find_with_report(caller, batch_id)
        if batch.rows_removed_at and batch.rejected:
            raise Gone("records_expired")
        body = batch_reports.read_rejected_records(caller, batch_id)
        try:
            first = await anext(body)
        except ObjectMissing:
            raise Gone("records_expired") from None
        except ObjectDamaged:
            raise Gone("records_damaged") from None
        return StreamingResponse(_chain(first, body), media_type="application/json")


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
