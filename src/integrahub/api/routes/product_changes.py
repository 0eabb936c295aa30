"""Routes of changes of products: the history of one product, and the change feed of a pharmacy."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_values
from integrahub.api.models.product_changes import ChangePage, HistoryPage
from integrahub.api.pharmacy_access import PharmacyAccess
from integrahub.api.product_views import Export, encode, to_item
from integrahub.api.routes.products import Cnpj, ProductId
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.changes import feed, history
from integrahub.db.changes.rows import FeedChange, FeedPage, FeedPosition, HistoryRow, KeptSince
from integrahub.db.products import search
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Conflict, Gone, NotFound
from integrahub.domain.products import MAX_PRODUCT_ID
from integrahub.domain.views.timestamps import format_time

_IN_CATALOGUE, _IN_CHANGES = "catalogue", "changes"


class ChangeSettings(msgspec.Struct, frozen=True):
    """Whether the hub records the values of changes, and how many days the feed reaches back."""

    has_history: bool
    feed_days: int


class ProductChanges:
    """Read changes of products of the pharmacies that a caller may see."""

    def __init__(self, access: PharmacyAccess, export: Export, settings: ChangeSettings) -> None:
        self._access = access
        self._export = export
        self._settings = settings

    async def read_history(
        self, caller: Caller, product_id: int, cnpj: str | None, cursor: str | None, limit: int
    ) -> Response:
        """Return one page of the changes of a product, newest first."""
        position = decode_values(cursor, int)
        pharmacy = await self._access.find(caller, cnpj)
        database = self._access.database_of(pharmacy)
        if not self._settings.has_history:
            raise Conflict("history_off")
        rows, kept = await history.read_history(
            database, pharmacy.id, product_id, position[0] if position else None, limit
        )
        if not rows and await search.find(database, pharmacy.id, product_id) is None:
            raise NotFound("product_not_found", product_id=product_id, cnpj=pharmacy.cnpj)
        keys = await history.public_key_ids(self._access.all_tenants, rows)
        items = [_to_history_item(row, keys.get(row.api_key_id) if row.api_key_id else None) for row in rows]
        next_cursor = cursors.encode(rows[-1].seq) if len(rows) == limit else None
        answer = {"items": items, "next_cursor": next_cursor} | _to_kept(kept)
        return Response(encode(answer), media_type="application/json")

    async def read_feed(self, caller: Caller, cnpj: str | None, cursor: str | None, limit: int) -> Response:
        """Return one page of the feed. Raise Gone if changes after the cursor are no longer kept."""
        values = decode_values(cursor, str, int, int, int, str)
        pharmacy = await self._access.find(caller, cnpj)
        position = _to_position(pharmacy, values) if values else None
        database = self._access.database_of(pharmacy)
        page = await feed.read_page(database, pharmacy.id, position, limit, self._settings.feed_days)
        if page is None:
            raise Gone("cursor_expired", days=self._settings.feed_days)
        return Response(self._encode(pharmacy, page), media_type="application/json")

    def _encode(self, pharmacy: Pharmacy, page: FeedPage) -> bytes:
        kind = _IN_CATALOGUE if page.next.in_catalogue else _IN_CHANGES
        return encode(
            {
                "items": [self._to_feed_item(pharmacy, item) for item in page.items],
                "next_cursor": cursors.encode(kind, pharmacy.id, page.next.seq, page.next.product_id, page.next.mark),
                "has_more": page.has_more,
                "reset": page.is_reset,
            }
        )

    def _to_feed_item(self, pharmacy: Pharmacy, item: FeedChange) -> dict[str, Any]:
        change, product = item.change, item.product
        return {
            "product_id": change.product_id or None,
            "seq": change.seq,
            "kind": change.kind,
            "at": format_time(change.at),
            "batch_id": change.batch_id,
            "product": to_item(product, pharmacy.cnpj, self._export) if product else None,
        }


def _to_position(pharmacy: Pharmacy, values: tuple[Any, ...]) -> FeedPosition:
    kind, pharmacy_id, seq, product_id, mark = values
    # A cursor of another pharmacy has other numbers: it would skip changes of this one.
    is_in_range = 0 <= seq <= MAX_PRODUCT_ID and 0 <= product_id <= MAX_PRODUCT_ID
    if kind not in (_IN_CATALOGUE, _IN_CHANGES) or pharmacy_id != pharmacy.id or not is_in_range:
        raise BadRequest("cursor_invalid")
    return FeedPosition(kind == _IN_CATALOGUE, seq, product_id, mark)


def _to_history_item(row: HistoryRow, key_id: str | None) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "at": format_time(row.at),
        "seq": row.seq,
        "batch_id": row.batch_id,
        "position": row.position,
        "key_id": key_id,
        "stock_only": row.stock_only,
        "fields": row.fields,
    }


def _to_kept(kept: KeptSince) -> dict[str, str | None]:
    return {
        "complete_since": format_time(kept.others) if kept.others else None,
        "stock_complete_since": format_time(kept.stock) if kept.stock else None,
    }


def router(changes: ProductChanges, authenticate: Authenticate) -> APIRouter:
    """Return the routes. They precede `/v1/products/{product_id}`, whose pattern also matches the feed's path."""
    routes = AuthenticatedRouter(tags=["catalogue"])
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get("/v1/products/changes", summary="Change feed of a pharmacy", response_model=ChangePage)
    async def read_feed(
        caller: Reader,
        cnpj: Cnpj = None,
        cursor: Annotated[
            str | None, Query(description="`next_cursor` of the last page; absent: from the start")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        return await changes.read_feed(caller, cnpj, cursor, limit)

    @routes.get("/v1/products/{product_id}/history", summary="Changes of a product", response_model=HistoryPage)
    async def read_history(
        product_id: ProductId,
        caller: Reader,
        cnpj: Cnpj = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page")] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Response:
        return await changes.read_history(caller, product_id, cnpj, cursor, limit)

    return routes
