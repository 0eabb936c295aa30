"""Route GET /v1/products: products of a pharmacy, as the Chatwoot consumer and newer clients read them."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.api.models.products import ProductPage
from integrahub.api.product_query import read_product_query
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.products import search
from integrahub.db.products.rows import ProductRow
from integrahub.db.tenancy import TenantContext
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Forbidden, NotFound
from integrahub.domain.views.timestamps import format_time

MAX_ANSWER_BYTES = 4 << 20  # of the products of one page
_ENCODER = msgspec.json.Encoder(decimal_format="number")
Export = Callable[[dict[str, Any], str], dict[str, Any]]  # `Dialect.export`


def to_item(product: ProductRow, cnpj: str, export: Export) -> dict[str, Any]:
    """Return a product as clients read it: numbers are JSON numbers, an absent text is ''."""
    promotions = [float(price) for price in product.price_promos]
    return {
        **dict.fromkeys(("id", "productId", "product_id"), product.product_id),
        **dict.fromkeys(("title", "name"), product.title),
        "sku": product.ean or str(product.product_id),
        "price": _to_number(product.price),
        "pricePromo": min(promotions, default=None),
        "pricePromos": promotions,
        **dict.fromkeys(("stock", "quantity"), _to_number(product.stock)),
        **{name: getattr(product, name) for name in ("ean", "brand", "category", "description", "ncm")},
        **dict.fromkeys(("image", "imageLink"), product.image_link),
        "cnpj": cnpj,
        "isActive": product.is_active,
        "updatedAt": _to_time(product.updated_at),
        "lastSeenAt": _to_time(product.seen_at),
        "rawJson": export(msgspec.structs.asdict(product), cnpj),
    }


def _to_number(value: Decimal | None) -> float:
    return float(value or 0)


def _to_time(value: datetime | None) -> str:
    return format_time(value) if value else ""


def _to_cursor(product: ProductRow, sort: str, settled_until: datetime | None) -> str:
    until = settled_until.isoformat() if settled_until else ""
    return cursors.encode(sort, search.cursor_key(product, sort), product.product_id, until)


class ProductSearch:
    """Answer queries for the products of one pharmacy."""

    def __init__(self, database: Database, export: Export, parse: ParseCnpj) -> None:
        self._database = database
        self._export = export
        self._parse = parse

    async def __call__(self, caller: Caller, params: dict[str, str]) -> bytes:
        """Return one page of matching products, encoded as JSON."""
        query = read_product_query(params)
        pharmacy = await self._find_pharmacy(caller, params.get("cnpj", ""))
        database = self._database.for_tenants(TenantContext(ids=(pharmacy.id,)))
        page = await search.search(database, pharmacy.id, query.filters, query.page_request())
        items = self._encode(page.products, pharmacy.cnpj)
        next_cursor = None
        if len(items) < len(page.products) or len(items) == query.limit:
            next_cursor = _to_cursor(page.products[len(items) - 1], query.sort, page.settled_until)
        pagination = {
            "page": query.page,
            "limit": query.limit,
            "count": page.matching,
            "total_pages": -(-page.matching // query.limit),
            "next_cursor": next_cursor,
        }
        return _ENCODER.encode({"items": items, "pagination": pagination})

    def _encode(self, products: list[ProductRow], cnpj: str) -> list[msgspec.Raw]:
        """Return the products as encoded items: at least one, and then as many as fit into MAX_ANSWER_BYTES."""
        items: list[msgspec.Raw] = []
        size = 0
        for product in products:
            encoded = _ENCODER.encode(to_item(product, cnpj, self._export))
            size += len(encoded)
            if items and size > MAX_ANSWER_BYTES:
                break
            items.append(msgspec.Raw(encoded))
        return items

    async def _find_pharmacy(self, caller: Caller, query_cnpj: str) -> Pharmacy:
        cnpj = read_cnpj(query_cnpj, self._parse) if query_cnpj else caller.single_cnpj()
        if not cnpj:
            raise BadRequest("cnpj_not_named")
        if not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        pharmacy = await pharmacies.find(self._database.for_tenants(TenantContext(cnpjs=(cnpj,))), cnpj)
        if pharmacy is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        return pharmacy


_Text = str | None
_Flag = Annotated[str | None, Query(description="true or false")]


def router(search_products: ProductSearch, authenticate: Authenticate) -> APIRouter:
    """Return the route."""
    routes = AuthenticatedRouter(tags=["catalogue"])

    # The parameters are declared for the OpenAPI document and for the check of unknown names.
    @routes.get("/v1/products", summary="Products of a pharmacy", response_model=ProductPage)
    async def products(
        request: Request,
        caller: Annotated[Caller, Depends(authenticate)],
        cnpj: Annotated[_Text, Query(description="required if the key is not for a single pharmacy")] = None,
        page: Annotated[_Text, Query(description="from 1; an unreadable value counts as 1")] = None,
        limit: Annotated[_Text, Query(description="1 to 100; an unreadable value counts as 40")] = None,
        q: Annotated[_Text, Query(description="in title or description, ignoring accents and case")] = None,
        ean: _Text = None,
        category: _Text = None,
        brand: _Text = None,
        price_min: _Text = None,
        price_max: _Text = None,
        stock_min: _Text = None,
        in_stock: _Flag = None,
        promo: _Flag = None,
        updated_since: Annotated[
            _Text,
            Query(description="ISO 8601; a client that continues from the newest updatedAt it read misses no change"),
        ] = None,
        sort: Annotated[_Text, Query(description=", ".join(search.SORTS))] = None,
        include_inactive: _Flag = None,
        cursor: Annotated[_Text, Query(description="`next_cursor` of the previous page")] = None,
    ) -> Response:
        answer = await search_products(caller, dict(request.query_params))
        return Response(answer, media_type="application/json")

    return routes
