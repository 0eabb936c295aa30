"""What happened to a batch: its state, its report of errors, its rejected records."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_values
from integrahub.api.language import AnswerLanguage
from integrahub.db.batches import reports
from integrahub.db.batches.report_rows import BatchReport, IssueReport
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchStatus, DeactivationState, LoadType
from integrahub.domain.errors import Forbidden, Gone, NotFound
from integrahub.domain.ids import ID_PREFIX, expand_id_prefix
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message, render_message
from integrahub.domain.messages.fields import InvalidField
from integrahub.domain.pharmacies import unmask
from integrahub.domain.untrusted_text import escape_controls_in_json, neutralize_formulas
from integrahub.reports.rejected_records import rejected_records
from integrahub.storage.base import ObjectMissing, Storage

Row = dict[str, Any]
_PAGE = 1000  # faults a read
_PLAIN = (
    *("batch_id", "cnpj", "kind", "parent_id", "load_type", "status", "stage", "received_seq", "received_at"),
    *("started_at", "finished_at", "bytes", "items_total"),
    *("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "cancelled", "dead", "deactivated"),
    "warnings",
    *("chunks_total", "chunks_done", "queue_position"),
)
_FAULT_COLUMNS = (
    *("position", "byte_offset", "severity", "product_id", "field", "code", "value", "message_pt", "message_en"),
    "trace_id",
)


def view(row: BatchReport, language: Language) -> Row:
    """A batch as clients read it."""
    shown: Row = {name: getattr(row, name) for name in _PLAIN} | {"trace_id": row.batch_id.hex}
    processed = sum((row.inserted, row.updated, row.unchanged, row.merged, row.superseded))
    failed = row.rejected + row.dead + row.cancelled
    rate = processed / row.seconds if row.seconds else None
    return shown | {
        "items_processed": processed,
        "items_failed": failed,
        "deactivation": {
            "state": row.deactivation_state,
            "candidates": row.deactivation_candidates,
            "active": row.deactivation_active,
            **_reason(row, language),
        },
        "progress": _progress(row, processed + failed),
        "rate": None if rate is None else round(rate, 1),
        "estimated_completion_at": _estimate(row, processed + failed, rate),
        "error": _error(row, language),
    }


def _progress(row: BatchReport, settled: int) -> float:
    if row.finished_at:
        return 1.0
    return min(1.0, round(settled / row.items_total, 4)) if row.items_total else 0.0


def _estimate(row: BatchReport, settled: int, rate: float | None) -> datetime | None:
    if row.finished_at or not rate or not row.items_total:
        return None
    return row.now + timedelta(seconds=(row.items_total - settled) / rate)


def _error(row: BatchReport, language: Language) -> Row | None:
    if not row.error_code:
        return None
    told = render_message(row.error_code, row.error_facts or {})
    both = {"message": told.in_language(language), "message_pt": told.pt, "message_en": told.en}
    return {"code": row.error_code, **both, "byte_offset": row.error_offset}


def _reason(row: BatchReport, language: Language) -> Row:
    if not row.deactivation_reason:
        return dict.fromkeys(("reason", "reason_pt", "reason_en", "reason_code"))
    told = render_message(row.deactivation_reason, row.deactivation_facts or {})
    both = {"reason": told.in_language(language), "reason_pt": told.pt, "reason_en": told.en}
    return both | {"reason_code": row.deactivation_reason}


def fault_view(batch_id: UUID, row: IssueReport) -> Row:
    """A fault with its messages in Portuguese and English, and the trace of its batch."""
    message = record_message(row.code)
    texts = {"message_pt": message.pt, "message_en": message.en, "trace_id": batch_id.hex}
    return msgspec.structs.asdict(row) | texts


def _fault_cursor(rows: list[IssueReport], limit: int) -> str | None:
    last = rows[-1] if len(rows) == limit else None
    return cursors.encode(last.position, last.field, last.code) if last else None


def _written_out(value: Any) -> Any:
    if isinstance(value, str) and not value.lstrip("+-").replace(".", "", 1).isdecimal():
        return value
    raise InvalidField("datetime_parsing")


Moment = Annotated[datetime, BeforeValidator(_written_out)]


class Reports:
    """Reads of batches on behalf of a caller."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    def of(self, caller: Caller) -> Database:
        """The database as the caller may see it."""
        return self._database.for_tenants(TenantContext.of_cnpjs(caller.cnpjs))

    async def show(self, caller: Caller, batch_id: UUID, language: Language) -> Row:
        """The batch; NotFound also when it is another pharmacy's."""
        return view(await self._find(caller, batch_id), language)

    async def check_report(self, caller: Caller, batch_id: UUID) -> None:
        """Raise Gone when the report was kept long enough, NotFound as `show` does."""
        if (await self._find(caller, batch_id)).report_removed_at:
            raise Gone("report_expired", batch_id=batch_id)

    async def check_records(self, caller: Caller, batch_id: UUID) -> None:
        """Raise NotFound when rejected records can no longer be found, or as `show` does."""
        row = await self._find(caller, batch_id)
        if row.rows_removed_at and row.rejected:
            raise NotFound("records_expired")

    async def _find(self, caller: Caller, batch_id: UUID) -> BatchReport:
        row = await reports.show(self.of(caller), batch_id)
        if row is None or not caller.can_see(row.cnpj):
            raise NotFound("batch_not_found", batch_id=batch_id)
        return row

    def cnpjs(self, caller: Caller, asked: str | None) -> list[str] | None:
        """The pharmacies a listing covers, None meaning all."""
        if not asked:
            return None if caller.cnpjs is None else sorted(caller.cnpjs)
        if not caller.can_see(unmask(asked)):
            raise Forbidden("other_pharmacy", cnpj=unmask(asked)[:20])
        return [unmask(asked)]

    async def faults(self, caller: Caller, batch_id: UUID, cursor: str | None, limit: int) -> Row:
        """One page of the report of errors."""
        rows = await reports.issues(self.of(caller), batch_id, decode_values(cursor, int, str, str), limit)
        return {"items": [fault_view(batch_id, row) for row in rows], "next_cursor": _fault_cursor(rows, limit)}

    async def every_fault(self, caller: Caller, batch_id: UUID) -> AsyncIterator[list[Row]]:
        """The whole report, in pages."""
        after: Any = None
        while rows := await reports.issues(self.of(caller), batch_id, after, _PAGE):
            yield [fault_view(batch_id, row) for row in rows]
            after = (rows[-1].position, rows[-1].field, rows[-1].code)

    async def rejected(self, caller: Caller, batch_id: UUID) -> AsyncIterator[bytes]:
        """The rejected records as one JSON array."""
        begun = False
        async for record in rejected_records(self.of(caller), self._storage, batch_id):
            yield (b",\n" if begun else b"[\n") + record
            begun = True
        yield b"\n]\n" if begun else b"[]\n"


async def _lines(pages: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    async for rows in pages:
        yield b"".join(_as_json(row) + b"\n" for row in rows)


def _as_json(value: Any) -> bytes:
    """A report is read in terminals too: what could command one is written as an escape."""
    return escape_controls_in_json(msgspec.json.encode(value).decode()).encode()


async def _csv(pages: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    yield (",".join(_FAULT_COLUMNS) + "\r\n").encode()
    async for rows in pages:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([_harmless(row[column]) for column in _FAULT_COLUMNS] for row in rows)
        yield text.getvalue().encode()


def _harmless(value: Any) -> Any:
    """A spreadsheet must not take a client's text for a formula."""
    return neutralize_formulas(value) if isinstance(value, str) else value


def router(database: Database, storage: Storage, authenticate: Authenticate) -> APIRouter:
    """The routes."""
    routes = AuthenticatedRouter(tags=["batches"])
    answers = Reports(database, storage)
    Known = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/batches", summary="Batches, newest first")
    async def page(
        caller: Known,
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
    ) -> Row:
        filters = reports.BatchFilter(
            cnpjs=answers.cnpjs(caller, cnpj),
            status=status,
            load_type=load_type,
            since=since,
            until=until,
            deactivation=deactivation,
            ids=None if id_prefix is None else expand_id_prefix(id_prefix),
        )
        rows = await reports.page(answers.of(caller), filters, decode_values(cursor, str, str), limit)
        last = rows[-1] if len(rows) == limit else None
        following = cursors.encode(last.received_at.isoformat(), str(last.batch_id)) if last else None
        return {"items": [view(row, language) for row in rows], "next_cursor": following}

    @routes.get("/v1/batches/{batch_id}", summary="What happened to a batch")
    async def show(batch_id: UUID, caller: Known, language: AnswerLanguage) -> Row:
        return await answers.show(caller, batch_id, language)

    @routes.get("/v1/batches/{batch_id}/errors", summary="The report of errors")
    async def errors(
        batch_id: UUID,
        caller: Known,
        format: Literal["json", "ndjson", "csv"] = "json",
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        await answers.check_report(caller, batch_id)
        if format == "json":
            found = await answers.faults(caller, batch_id, cursor, limit)
            return Response(_as_json(found), media_type="application/json")
        pages = answers.every_fault(caller, batch_id)
        if format == "ndjson":
            return StreamingResponse(_lines(pages), media_type="application/x-ndjson")
        return StreamingResponse(_csv(pages), media_type="text/csv; charset=utf-8")

    @routes.get("/v1/batches/{batch_id}/rejected", summary="The rejected records, to correct and post as a DELTA")
    async def rejected(batch_id: UUID, caller: Known) -> Response:
        await answers.check_records(caller, batch_id)
        body = answers.rejected(caller, batch_id)
        try:
            first = await anext(body)
        except ObjectMissing:
            raise NotFound("records_expired") from None
        return StreamingResponse(_joined(first, body), media_type="application/json")

    return routes


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
