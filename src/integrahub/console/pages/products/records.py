"""Raw records of a product in one batch: what the pharmacy sent, byte for byte."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.pages.products.shared import (
    PATH,
    find_pharmacy,
    parse_product_id,
    record_messages,
    render,
)
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.console.provenance import find_product_issues, find_records
from integrahub.db.console.provenance_rows import ProductIssue
from integrahub.domain.errors import Gone, NotFound
from integrahub.domain.people.roles import Role
from integrahub.reports.raw_records import RawRecord, WhyUnread, read_raw_records


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a record: its key, its value as JSON, and the issues that name it."""

    key: str
    value: str
    issues: Sequence[ProductIssue]


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A raw record. `members` is None if it is no JSON object; `issues` are those of no member that it has."""

    raw: RawRecord
    text: str
    members: Sequence[Member] | None
    issues: Sequence[ProductIssue]


@dataclass(frozen=True, slots=True)
class RecordsView:
    """The records of a product in one batch. `unread` says why some cannot be shown."""

    pharmacy: Pharmacy
    product_id: int
    batch_id: UUID
    records: Sequence[ShownRecord]
    unread: WhyUnread | None
    message: Callable[[str], str]


class RecordPages:
    """The raw records of a product, on a page and as a file."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request, cnpj: str, product_id: str, batch_id: str) -> Response:
        """Answer with the page."""
        pharmacy, number, batch = await self._find(cnpj, product_id, batch_id)
        raw, unread = await self._read(pharmacy, number, batch)
        issues = await find_product_issues(self._console.reads, number, [batch])
        records = [_to_shown(each, [issue for issue in issues if issue.position == each.position]) for each in raw]
        message = record_messages(self._console, request)
        view = RecordsView(pharmacy, number, batch, records, unread, message)
        return render(self._console, request, "products/records.html", view, pharmacy)

    async def download(self, cnpj: str, product_id: str, batch_id: str) -> Response:
        """Answer with the records as they were sent, each on one line."""
        pharmacy, number, batch = await self._find(cnpj, product_id, batch_id)
        raw, unread = await self._read(pharmacy, number, batch)
        if not raw:
            raise Gone("records_damaged" if unread is WhyUnread.DAMAGED else "records_expired")
        name = f"{pharmacy.cnpj}-{number}-{str(batch)[-8:]}.ndjson"
        content = b"".join(each.content.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n" for each in raw)
        disposition = f'attachment; filename="{name}"'
        return Response(content, media_type="application/x-ndjson", headers={"Content-Disposition": disposition})

    async def _find(self, cnpj: str, product_id: str, batch_id: str) -> tuple[Pharmacy, int, UUID]:
        pharmacy = await find_pharmacy(self._console, cnpj)
        number = parse_product_id(product_id)
        try:
            batch = UUID(batch_id)
        except ValueError:
            raise NotFound("batch_not_found", batch_id=batch_id[:40]) from None
        if number is None:
            raise NotFound("product_not_found", product_id=product_id[:40], cnpj=pharmacy.cnpj)
        return pharmacy, number, batch

    async def _read(
        self, pharmacy: Pharmacy, product_id: int, batch_id: UUID
    ) -> tuple[list[RawRecord], WhyUnread | None]:
        places = await find_records(self._console.reads, pharmacy.id, product_id, batch_id)
        if not places:
            raise NotFound("product_not_found", product_id=product_id, cnpj=pharmacy.cnpj)
        records: list[RawRecord] = []
        unread: WhyUnread | None = None
        for place in places:
            found = await read_raw_records(self._console.hub.storage, place)
            if isinstance(found, WhyUnread):
                unread = found
            else:
                records += found
        return records, unread


def _to_shown(raw: RawRecord, issues: list[ProductIssue]) -> ShownRecord:
    text = raw.content.decode("utf-8", "replace")
    try:
        members = msgspec.json.decode(raw.content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ShownRecord(raw, text, None, issues)
    shown = [
        Member(key, bytes(value).decode("utf-8", "replace"), [issue for issue in issues if issue.key == key])
        for key, value in members.items()
    ]
    return ShownRecord(raw, text, shown, [issue for issue in issues if issue.key not in members])


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the routes of raw records."""
    pages, viewer = RecordPages(console), [Depends(require(Role.VIEWER))]
    address = f"{PATH}/{{product_id}}/records/{{batch_id}}"
    router.add_api_route(address, pages.show, methods=["GET"], dependencies=viewer, response_model=None)
    router.add_api_route(f"{address}/file", pages.download, methods=["GET"], dependencies=viewer, response_model=None)
