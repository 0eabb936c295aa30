"""GET /v1/products: the catalogue as the Chatwoot consumer and newer clients read it."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.timestamps import format_time
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.products import search as catalogue
from integrahub.db.products.rows import ProductFilters, ProductRow
from integrahub.db.products.search import PageRequest
from integrahub.db.tenancy import TenantContext
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Forbidden, NotFound
from integrahub.domain.messages.message import Message
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj

_LIMIT, _MOST = 40, 100
_TEXTS, _MAX_TEXT = ("q", "ean", "category", "brand"), 100  # characters of each: a search costs text times pattern
_AMOUNT = Message("um número, por exemplo 12,50", "a number, for example 12.50")
MAX_ANSWER_BYTES = 4 << 20  # of the products of one page
_ENCODER = msgspec.json.Encoder(decimal_format="number")
Export = Callable[[dict[str, Any], str], dict[str, Any]]  # `Dialect.export`


class ProductQuery(msgspec.Struct):
    """What a request asks for, read leniently where the contract says so."""

    page: int
    limit: int
    sort: str
    cursor: str
    filters: ProductFilters


def _whole(text: str | None, default: int, most: int) -> int:
    readable = text is not None and text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0
    return min(int(text), most) if readable and text else default


def _amount(name: str, text: str | None) -> Decimal | None:
    try:
        amount = Decimal(text.strip().replace(",", ".")) if text and text.strip() else None
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and (not amount.is_finite() or abs(amount.adjusted()) > 30):
        raise BadRequest("value_unreadable", name=name, value=(text or "")[:40], expected=_AMOUNT)
    return amount


def _flag(name: str, text: str | None) -> bool | None:
    if not text:
        return None
    if text.lower() in ("true", "1", "false", "0"):
        return text.lower() in ("true", "1")
    raise BadRequest("value_unreadable", name=name, value=text[:40], expected="true | false")


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace(" ", "+")) if text else None
    except ValueError:
        raise BadRequest(
            "value_unreadable", name=name, value=(text or "")[:40], expected="2026-03-01T10:00:00Z"
        ) from None


def _like(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    escaped = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def read(query: dict[str, str]) -> ProductQuery:
    """The query as asked; BadRequest for what cannot be read, except page and limit."""
    if any("\0" in value for value in query.values()):
        raise BadRequest("query_has_nul")
    for name in _TEXTS:
        if len(query.get(name, "")) > _MAX_TEXT:
            raise BadRequest("query_too_long", name=name, length=len(query[name]), limit=_MAX_TEXT)
    sort = query.get("sort") or "-updated"
    if sort not in catalogue.SORTS:
        raise BadRequest("value_unreadable", name="sort", value=sort[:40], expected=" | ".join(catalogue.SORTS))
    page = _whole(query.get("page"), 1, 10_000_000)
    return ProductQuery(page, _whole(query.get("limit"), _LIMIT, _MOST), sort, query.get("cursor", ""), _filters(query))


def _filters(query: dict[str, str]) -> ProductFilters:
    return ProductFilters(
        q=_like(query.get("q")),
        ean=query.get("ean") or None,
        category=query.get("category") or None,
        brand=query.get("brand") or None,
        price_min=_amount("price_min", query.get("price_min")),
        price_max=_amount("price_max", query.get("price_max")),
        stock_min=_amount("stock_min", query.get("stock_min")),
        in_stock=_flag("in_stock", query.get("in_stock")),
        promo=_flag("promo", query.get("promo")),
        updated_since=_moment("updated_since", query.get("updated_since")),
        include_inactive=bool(_flag("include_inactive", query.get("include_inactive"))),
    )


def _number(value: Decimal | None) -> float:
    return float(value or 0)


def _time(value: datetime | None) -> str:
    return format_time(value) if value else ""


def item(product: ProductRow, cnpj: str, export: Export) -> dict[str, Any]:
    """A product as clients read it: numbers are JSON numbers, absent text is ''."""
    promotions = [float(price) for price in product.price_promos]
    return {
        **dict.fromkeys(("id", "productId", "product_id"), product.product_id),
        **dict.fromkeys(("title", "name"), product.title),
        "sku": product.ean or str(product.product_id),
        "price": _number(product.price),
        "pricePromo": min(promotions, default=None),
        "pricePromos": promotions,
        **{name: _number(product.stock) for name in ("stock", "quantity")},
        **{name: getattr(product, name) for name in ("ean", "brand", "category", "description", "ncm")},
        **dict.fromkeys(("image", "imageLink"), product.image_link),
        "cnpj": cnpj,
        "isActive": product.is_active,
        "updatedAt": _time(product.updated_at),
        "lastSeenAt": _time(product.seen_at),
        "rawJson": export(msgspec.structs.asdict(product), cnpj),
    }


def _cursor(product: ProductRow, sort: str, settled_until: datetime | None) -> str:
    until = settled_until.isoformat() if settled_until else ""
    return cursors.encode(sort, catalogue.cursor_key(product, sort), product.product_id, until)


def _encode(products: list[ProductRow], cnpj: str, export: Export) -> tuple[list[msgspec.Raw], bool]:
    """Return as many products as fit into an answer, encoded, and whether some were left out."""
    items: list[msgspec.Raw] = []
    size = 0
    for product in products:
        encoded = _ENCODER.encode(item(product, cnpj, export))
        size += len(encoded)
        if items and size > MAX_ANSWER_BYTES:
            return items, True
        items.append(msgspec.Raw(encoded))
    return items, False


class Catalogue:
    """Answers queries over the products of one pharmacy."""

    def __init__(self, database: Database, export: Export, verify_cnpj: bool) -> None:
        self._database = database
        self._export = export
        self._verify = verify_cnpj

    async def query(self, caller: Caller, query: dict[str, str]) -> dict[str, Any]:
        """One page of matching products."""
        wanted = read(query)
        pharmacy = await self._pharmacy(caller, query.get("cnpj", ""))
        after, settled_until = self._after(wanted)
        offset = 0 if wanted.cursor else (wanted.page - 1) * wanted.limit
        page = await catalogue.search(
            self._database.within(TenantContext(ids=(pharmacy.id,))),
            pharmacy.id,
            wanted.filters,
            PageRequest(wanted.sort, wanted.limit, offset, after, settled_until),
        )
        items, is_cut = _encode(page.products, pharmacy.cnpj, self._export)
        next_cursor = None
        if is_cut or len(items) == wanted.limit:
            next_cursor = _cursor(page.products[len(items) - 1], wanted.sort, page.settled_until)
        pagination = {
            "page": wanted.page,
            "limit": wanted.limit,
            "count": page.matching,
            "total_pages": -(-page.matching // wanted.limit),
            "next_cursor": next_cursor,
        }
        return {"items": items, "pagination": pagination}

    def _after(self, wanted: ProductQuery) -> tuple[tuple[str, int] | None, datetime | None]:
        """The place a cursor holds, and until when changes are shown: on every page the same."""
        if not wanted.cursor:
            return None, None
        try:
            sort, key, product_id, until = cursors.decode(wanted.cursor, str, str, int, str)
            settled_until = datetime.fromisoformat(until) if until else None
        except ValueError:
            sort, settled_until = "", None
        if sort != wanted.sort or (settled_until and settled_until.tzinfo is None):
            raise BadRequest("cursor_invalid")
        return (key, product_id), settled_until

    async def _pharmacy(self, caller: Caller, asked: str) -> Pharmacy:
        cnpj = caller.single_cnpj() or ""
        if asked:
            try:
                cnpj = parse_cnpj(asked, verify=self._verify)
            except InvalidCnpj as error:
                raise BadRequest(error.code, **error.facts) from error
        if not cnpj:
            raise BadRequest("cnpj_not_named")
        if not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        found = await pharmacies.find(self._database.within(TenantContext(cnpjs=(cnpj,))), cnpj)
        if found is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        return found


def router(database: Database, authenticate: Authenticate, export: Export, verify_cnpj: bool) -> APIRouter:
    """The route."""
    routes = AuthenticatedRouter(tags=["catalogue"])
    answers = Catalogue(database, export, verify_cnpj)

    @routes.get("/v1/products", summary="Products of a pharmacy")
    async def products(
        request: Request,
        caller: Annotated[Caller, Depends(authenticate)],
        cnpj: Annotated[str | None, Query(description="needed when the key is not of one pharmacy")] = None,
        page: Annotated[str | None, Query(description="from 1; unreadable counts as 1")] = None,
        limit: Annotated[str | None, Query(description="1 to 100; unreadable counts as 40")] = None,
        q: Annotated[str | None, Query(description="in title or description, accents and case ignored")] = None,
        ean: str | None = None,
        category: str | None = None,
        brand: str | None = None,
        price_min: str | None = None,
        price_max: str | None = None,
        stock_min: str | None = None,
        in_stock: Annotated[str | None, Query(description="true or false")] = None,
        promo: Annotated[str | None, Query(description="true or false")] = None,
        updated_since: Annotated[
            str | None,
            Query(description="ISO 8601; of what is settled: asking again from the newest updatedAt misses nothing"),
        ] = None,
        sort: Annotated[str | None, Query(description=", ".join(catalogue.SORTS))] = None,
        include_inactive: Annotated[str | None, Query(description="true or false")] = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
    ) -> Response:
        found = await answers.query(caller, dict(request.query_params))
        return Response(_ENCODER.encode(found), media_type="application/json")

    return routes
