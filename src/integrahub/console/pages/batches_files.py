"""Downloads of a batch: its file, the report of errors, the records to correct, and what it changed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.translations import N_
from integrahub.db.batches import reports
from integrahub.db.changes import batch_changes
from integrahub.db.changes.batch_changes import ChangeFilter
from integrahub.db.console import batches
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import Conflict, Gone, NotFound
from integrahub.domain.people.roles import Role
from integrahub.reports import batch_changes as changes_report
from integrahub.reports.encodings import Locale, Pages, encode_csv
from integrahub.reports.issues import read_all_issues
from integrahub.reports.rejected_records import read_as_array
from integrahub.storage.base import ObjectDamaged, ObjectMissing
from integrahub.storage.bodies import StoredBody

ISSUE_HEADINGS = {
    "position": N_("Record"),
    "byte_offset": N_("Byte"),
    "severity": N_("Effect"),
    "product_id": N_("Product"),
    "ean": "EAN",
    "field": N_("Field"),
    "value": N_("Sent"),
    "code": N_("Code"),
    "message_pt": N_("Why, in Portuguese"),
    "message_en": N_("Why, in English"),
}
CHANGE_HEADINGS = {
    "product_id": N_("Product"),
    "kind": N_("What happened"),
    "field": N_("Field"),
    "before": N_("Before"),
    "after": N_("After"),
}
_EXTENSIONS = {"application/json": "json", "application/x-ndjson": "ndjson"}
_ENCODINGS = {"gzip": ".gz", "zstd": ".zst"}


class Files:
    """Downloads. All are attachments: what clients sent is never shown as a page."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def body(self, batch_id: UUID) -> Response:
        """Answer with the file of a batch as it was sent, but without the encoding of a framed body."""
        place = await batches.find_body(self._console.reads, batch_id)
        if place is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        if place.content is None and place.location is None:
            raise Gone("records_expired")
        body = StoredBody(place.location, place.content, place.media_type, place.encoding)
        name = f"{batch_id}.{_EXTENSIONS.get(place.media_type, 'txt')}{_ENCODINGS.get(body.content_encoding, '')}"
        if place.content is not None:
            return Response(place.content, headers=_attachment(name), media_type="application/octet-stream")
        blocks = self._console.hub.storage.get(place.location or "")
        return await _stream(blocks, name, Gone("records_expired"))

    async def issues(self, request: Request, batch_id: UUID) -> Response:
        """Answer with the report of errors as CSV."""
        await self._check(batch_id)
        pages = read_all_issues(self._console.reads, batch_id)
        return self.csv(request, pages, ISSUE_HEADINGS, f"{batch_id}-report.csv")

    async def rejected(self, batch_id: UUID) -> Response:
        """Answer with the rejected records as a file to correct and send as a DELTA."""
        await self._check(batch_id)
        records = read_as_array(self._console.reads, self._console.hub.storage, batch_id)
        return await _stream(records, f"{batch_id}-rejected.json", Gone("records_expired"))

    async def changes(self, request: Request, batch_id: UUID) -> Response:
        """Answer with what a batch changed as CSV."""
        database = self._console.reads
        head = await batch_changes.find_head(database, batch_id)
        if head is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        if head.finished_at is None:
            raise Conflict("batch_unfinished", batch_id=batch_id)
        if not self._console.hub.settings.history and head.kind is not BatchKind.DRY_RUN:
            raise Conflict("history_off")
        await changes_report.summarise(database, head)
        pages = changes_report.to_lines(changes_report.read_all(database, head, ChangeFilter()))
        return self.csv(request, pages, CHANGE_HEADINGS, f"{batch_id}-changes.csv")

    async def _check(self, batch_id: UUID) -> None:
        """Raise NotFound for an unknown batch, Gone if its report is removed."""
        report = await reports.show(self._console.reads, batch_id)
        if report is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        if report.report_removed_at:
            raise Gone("report_expired", batch_id=batch_id, days=self._console.hub.settings.report_retention_days)

    def csv(self, request: Request, pages: Pages, headings: Mapping[str, str], name: str) -> Response:
        """Return rows as a CSV file with headings in the reader's language, as spreadsheets of the language read it."""
        catalog = self._console.renderer.languages.of(request)
        locale: Locale = "pt-BR" if catalog.locale == "pt_BR" else "en"
        titles: Sequence[str] = [catalog.gettext(text) for text in headings.values()]
        content = encode_csv(pages, locale, list(headings), titles)
        return StreamingResponse(content, headers=_attachment(name), media_type="text/csv; charset=utf-8")


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


async def _stream(blocks: AsyncIterator[bytes], name: str, gone: Gone) -> Response:
    """Return a stream as an attachment. Raise `gone` if what it reads first is no longer stored, Gone if damaged."""
    try:
        first = await anext(blocks, b"")
    except ObjectMissing:
        raise gone from None
    except ObjectDamaged:
        raise Gone("records_damaged") from None

    async def chain() -> AsyncIterator[bytes]:
        yield first
        async for block in blocks:
            yield block

    return StreamingResponse(chain(), headers=_attachment(name), media_type="application/octet-stream")


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of downloads."""
    files, router = Files(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    paths: dict[str, Callable[..., Awaitable[Response]]] = {
        "body": files.body,
        "issues.csv": files.issues,
        "rejected.json": files.rejected,
        "changes.csv": files.changes,
    }
    for path, answer in paths.items():
        router.add_api_route(
            f"{ROOT}/batches/{{batch_id}}/{path}", answer, methods=["GET"], dependencies=viewer, response_model=None
        )
    return router
