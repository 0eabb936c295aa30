"""One product: its values and since when, the batches that brought or refused it, its history; or why it is absent."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from integrahub.console.pages.products.values import (
    ChangedField,
    ErpTimes,
    ValueRow,
    list_changed_fields,
    list_values,
    read_erp_times,
)
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.changes.history import read_history
from integrahub.db.changes.rows import HistoryRow, KeptSince
from integrahub.db.console.provenance import SearchLimits, find_records
from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest, IntegraHubError, NotFound
from integrahub.domain.people.roles import Role
from integrahub.domain.products import MAX_PRODUCT_ID
from integrahub.reports.provenance import (
    Absence,
    Appearance,
    Origin,
    Outcome,
    ProductStory,
    Provenance,
    explain_absence,
    find_provenance,
    read_story,
)
from integrahub.reports.raw_records import RawRecord, read_raw_records

_NOT_APPLIED = (Outcome.REJECTED, Outcome.WAITING, Outcome.DEAD, Outcome.CANCELLED)
TABS = ("values", "batches", "history")
_HISTORY_ROWS = 20  # each costs a look for the position of its record
_BYTE_TIMEOUT_SECONDS = 0.5  # the page does without the byte of the record if storage is slow


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A change of the product with the columns that it changed."""

    change: HistoryRow
    fields: Sequence[ChangedField]


@dataclass(frozen=True, slots=True)
class History:
    """One page of the history, and since when it is complete."""

    items: Sequence[HistoryItem]
    kept: KeptSince
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ProductView:
    """What the page of a product shows. `story` is None if the catalogue does not have it; `absence` says why."""

    pharmacy: Pharmacy
    product_id: int
    tab: str
    story: ProductStory | None
    values: Sequence[ValueRow]
    erp_times: ErpTimes | None
    found: Provenance
    absence: Absence | None
    headline: Origin | None
    record: RawRecord | None
    history: History | None
    next_cursor: str | None
    is_first_page: bool
    message: Callable[[str], str]

    @property
    def not_applied(self) -> Appearance | None:
        """Return the newest records of the product if they did not reach the catalogue."""
        newest = self.found.appearances[0] if self.is_first_page and self.found.appearances else None
        return newest if newest and newest.outcome in _NOT_APPLIED else None

    @property
    def is_searched_whole(self) -> bool:
        """Return whether the search read the products of every batch of the pharmacy."""
        window = self.found.window
        return self.is_first_page and not (window.has_older or window.removed or window.broken or window.unsplit)


class ProductPages:
    """The page of one product."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request, cnpj: str, product_id: str) -> Response:
        """Answer with the page, or with the reason why the catalogue does not have the product."""
        pharmacy = await find_pharmacy(self._console, cnpj)
        number = parse_product_id(product_id)
        if number is None:
            raise NotFound("product_not_found", product_id=product_id[:40], cnpj=pharmacy.cnpj)
        view = await self._read(request, pharmacy, number)
        template = "products/product.html" if view.story else "products/absent.html"
        return render(self._console, request, template, view, pharmacy)

    async def _read(self, request: Request, pharmacy: Pharmacy, product_id: int) -> ProductView:
        reads, tab = self._console.reads, request.query_params.get("tab", "")
        story = await read_story(reads, pharmacy.id, product_id)
        tab = tab if tab in TABS and story else ("values" if story else "batches")
        before = _read_cursor(request)
        found = await find_provenance(reads, pharmacy.id, product_id, before if tab == "batches" else None, _LIMITS)
        headline = story.origins.get("price") if story else None
        is_overview = story is not None and tab == "values"
        return ProductView(
            pharmacy=pharmacy,
            product_id=product_id,
            tab=tab,
            story=story,
            values=list_values(story) if story else (),
            erp_times=read_erp_times(story.product, pharmacy.time_zone) if story else None,
            found=found,
            absence=None if story else explain_absence(found),
            headline=headline,
            record=await self._read_record(pharmacy, product_id, headline) if is_overview and headline else None,
            history=await self._read_history(pharmacy, product_id, before) if tab == "history" else None,
            next_cursor=_next_cursor(found),
            is_first_page=before is None,
            message=record_messages(self._console, request),
        )

    async def _read_record(self, pharmacy: Pharmacy, product_id: int, origin: Origin) -> RawRecord | None:
        """Return the record of a change, if it can be read soon."""
        if origin.source is None or origin.source.position is None:
            return None
        try:
            async with asyncio.timeout(_BYTE_TIMEOUT_SECONDS):
                places = await find_records(self._console.reads, pharmacy.id, product_id, origin.source.batch_id)
                for place in places:
                    records = await read_raw_records(self._console.hub.storage, place)
                    for record in records if isinstance(records, list) else ():
                        if record.position == origin.source.position:
                            return record
        except (IntegraHubError, TimeoutError):
            return None
        return None

    async def _read_history(self, pharmacy: Pharmacy, product_id: int, before: int | None) -> History:
        rows, kept = await read_history(self._console.reads, pharmacy.id, product_id, before, _HISTORY_ROWS)
        items = [HistoryItem(row, list_changed_fields(row.fields)) for row in rows]
        return History(items, kept, cursors.encode(rows[-1].seq) if len(rows) == _HISTORY_ROWS else None)


_LIMITS = SearchLimits()


def _read_cursor(request: Request) -> int | None:
    cursor = request.query_params.get("cursor", "")
    if not cursor:
        return None
    try:
        (seq,) = cursors.decode(cursor, int)
    except ValueError:
        raise BadRequest("cursor_invalid") from None
    if not 0 <= seq <= MAX_PRODUCT_ID:
        raise BadRequest("cursor_invalid")
    return int(seq)


def _next_cursor(found: Provenance) -> str | None:
    """Return where the list of batches goes on: after its last row, or behind the window."""
    if found.appearances and found.brought > len({each.sighting.batch_id for each in found.appearances}):
        return cursors.encode(found.appearances[-1].sighting.received_seq)
    return cursors.encode(found.window.first_seq) if found.window.has_older and found.window.first_seq else None


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the route of a product."""
    pages, viewer = ProductPages(console), [Depends(require(Role.VIEWER))]
    router.add_api_route(
        f"{PATH}/{{product_id}}", pages.show, methods=["GET"], dependencies=viewer, response_model=None
    )
