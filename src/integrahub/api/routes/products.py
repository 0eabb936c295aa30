"""Routes of products of a pharmacy, as the Chatwoot consumer and newer clients read them."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from integrahub.api import conditional
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.models.products import ProductAnswer, ProductPage
from integrahub.api.pharmacy_access import PharmacyAccess
from integrahub.api.product_query import read_product_query
from integrahub.api.product_views import Export, encode, to_item
from integrahub.db.products import search
from integrahub.db.products.rows import ProductRow
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import NotFound
from integrahub.domain.products import MAX_PRODUCT_ID

MAX_ANSWER_BYTES = 4 << 20  # of the products of one page


def _list_params(request: Request) -> Iterable[str]:
    return (f"{name}={value}" for name, value in sorted(request.query_params.items()))


class ProductSearch:
    """Answer queries for the products of one pharmacy."""

    def __init__(self, access: PharmacyAccess, export: Export) -> None:
        self._access = access
        self._export = export

    async def list_page(self, request: Request, caller: Caller) -> Response:
        """Return one page of matching products, or 304 if the client has it: then nothing is searched."""
        params = dict(request.query_params)
        query = read_product_query(params)
        wanted = query.page_request()
        pharmacy = await self._access.find(caller, params.get("cnpj"))
        database = self._access.database_of(pharmacy)
        # Read before the page: a page that is newer than its tag is sent again, never kept for too long.
        version = await search.catalogue_version(database, pharmacy.id)
        tag = conditional.tag_of(pharmacy.id, version, *_list_params(request))
        if conditional.is_current(request, tag):
            return conditional.not_modified(tag)
        page = await search.search(database, pharmacy.id, query.filters, wanted)
        items = self._encode(page.products, pharmacy.cnpj)
        next_cursor = None
        if len(items) < len(page.products) or len(items) == query.limit:
            next_cursor = search.cursor_of(page.products[len(items) - 1], query.sort, page.settled_until)
        pagination = {
            "page": query.page,
            "limit": query.limit,
            "count": page.matching,
            "total_pages": -(-page.matching // query.limit),
            "next_cursor": next_cursor,
        }
        return conditional.tagged(encode({"items": items, "pagination": pagination}), tag)

    async def show(self, request: Request, caller: Caller, product_id: int, cnpj: str | None) -> Response:
        """Return one product, also an inactive one, or 304 if the client has it."""
        pharmacy = await self._access.find(caller, cnpj)
        product = await search.find(self._access.database_of(pharmacy), pharmacy.id, product_id)
        if product is None:
            raise NotFound("product_not_found", product_id=product_id, cnpj=pharmacy.cnpj)
        tag = conditional.tag_of(pharmacy.id, product_id, product.updated_at, product.seen_at, product.is_active)
        if conditional.is_current(request, tag):
            return conditional.not_modified(tag)
        return conditional.tagged(encode(to_item(product, pharmacy.cnpj, self._export)), tag)

    def _encode(self, products: Sequence[ProductRow], cnpj: str) -> list[msgspec.Raw]:
        """Return the products as encoded items: at least one, and then as many as fit into MAX_ANSWER_BYTES."""
        items: list[msgspec.Raw] = []
        size = 0
        for product in products:
            encoded = encode(to_item(product, cnpj, self._export))
            size += len(encoded)
            if items and size > MAX_ANSWER_BYTES:
                break
            items.append(msgspec.Raw(encoded))
        return items


_Text = str | None
_Flag = Annotated[str | None, Query(description="true or false")]
Cnpj = Annotated[str | None, Query(description="required if the key is not for a single pharmacy")]
ProductId = Annotated[int, Path(ge=1, le=MAX_PRODUCT_ID, description="the ERP's number of the product")]


def router(products: ProductSearch, authenticate: Authenticate) -> APIRouter:
    """Return the routes."""
    routes = AuthenticatedRouter(tags=["catalogue"])
    _add_search(routes, products, authenticate)

    @routes.get("/v1/products/{product_id}", summary="One product of a pharmacy", response_model=ProductAnswer)
    async def product(
        request: Request, product_id: ProductId, caller: Annotated[Caller, Depends(authenticate)], cnpj: Cnpj = None
    ) -> Response:
        return await products.show(request, caller, product_id, cnpj)

    return routes


def _add_search(routes: APIRouter, product_search: ProductSearch, authenticate: Authenticate) -> None:
    # The parameters are declared for the OpenAPI document and for the check of unknown names.
    @routes.get("/v1/products", summary="Products of a pharmacy", response_model=ProductPage)
    async def products(
        request: Request,
        caller: Annotated[Caller, Depends(authenticate)],
        cnpj: Cnpj = None,
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
        return await product_search.list_page(request, caller)
