"""Search of products for the query API, and PostgreSQL's counts of rows written to `products`."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from integrahub.db.database import Database
from integrahub.db.products.rows import CatalogueVersion, MatchingProduct, ProductFilters, ProductRow, RowsWritten
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.domain import cursors

_SQL = load_queries(__name__)
SORTS = ("-updated", "product_id", "title", "price", "-price", "stock", "-stock")
FILTERS = ProductFilters.__struct_fields__
_COLUMN_OF = {"updated": "updated_at", "product_id": "product_id", "title": "title", "price": "price", "stock": "stock"}
_MAX_CURSOR_TITLE_LENGTH = 250  # characters, escaped


class PageRequest(msgspec.Struct, frozen=True):
    """Which page of the matching products to read. `after` is the cursor key and the product id of the last row.

    `settled_until` is the value that the page before returned; None for the first page. `most`: how many matches
    of filters are found and sorted, those with the lowest ids; without filters: up to how many products are counted.
    """

    sort: str
    limit: int
    offset: int = 0
    after: tuple[str, int] | None = None
    settled_until: datetime | None = None
    most: int | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of products, and the number of products that match.

    With `updated_since`, the page holds changes before `settled_until` only.
    """

    matching: int
    products: Sequence[ProductRow]
    settled_until: datetime | None


def cursor_of(product: ProductRow, sort: str, settled_until: datetime | None) -> str:
    """Return the cursor of the page that follows a product."""
    until = settled_until.isoformat() if settled_until else ""
    return cursors.encode(sort, _cursor_key(product, sort), product.product_id, until)


def page_after(cursor: str, sort: str, limit: int, most: int | None = None) -> PageRequest:
    """Return the page that a cursor begins. Raise InvalidCursor unless it is one of this order."""
    chosen, key, product_id, until = cursors.decode(cursor, str, str, int, str)
    try:
        settled_until = datetime.fromisoformat(until) if until else None
    except ValueError:
        raise cursors.InvalidCursor(until) from None
    if chosen != sort or (settled_until and settled_until.tzinfo is None):
        raise cursors.InvalidCursor(cursor)
    return PageRequest(sort, limit, 0, (key, product_id), settled_until, most)


def _cursor_key(product: ProductRow, sort: str) -> str:
    """Return the product's position in the order `sort`, for a cursor; '' for a title that is too long for a cursor."""
    value = getattr(product, _COLUMN_OF[sort.lstrip("-")])
    if sort == "title" and len(json.dumps(value)) > _MAX_CURSOR_TITLE_LENGTH:
        return ""
    return str(value.isoformat()) if sort == "-updated" else str(0 if value is None else value)


async def search(database: Database, pharmacy_id: int, filters: ProductFilters, page: PageRequest) -> Page:
    """Read one page of the products that match all filters, and the number of matches.

    With `updated_since`, changes are left out that an open transaction may still precede. So a client that asks again
    from the newest change it got misses none.
    """
    after, after_id = page.after or (None, 0)
    params = msgspec.structs.asdict(filters)
    params |= {"pharmacy_id": pharmacy_id, "limit": page.limit, "offset": page.offset}
    params |= {"after": after, "after_id": after_id, "by_title": page.sort == "title", "most": page.most}
    async with database.transaction() as connection:
        settled_until = page.settled_until
        if filters.updated_since and settled_until is None:
            settled_until = await fetch_value(connection, _SQL["settled_until"], params, datetime)
        params["settled_until"] = settled_until
        if page.most is not None:
            await connection.execute(_SQL["force_index_scan"])
        products = await fetch_all(connection, _page_statement(filters, page), params, MatchingProduct)
        matching = products[0].matching if products else 0
        if not products and (page.after or page.offset):  # behind the last match no row has the number of matches
            matching = await fetch_value(connection, _count_statement(filters, page), params, int) or 0
    return Page(matching, products, settled_until)


def _page_statement(filters: ProductFilters, page: PageRequest) -> LiteralString:
    page_end = (_SQL[page.sort], _SQL["page_end"])
    if _is_unfiltered(filters):
        return " ".join((_SQL["select"], ", (", _count_all(page), ")", _SQL["page_of_all"], *page_end))
    matching = _matching(page)
    count = (", (", _SQL["count"], "FROM matching)")
    return " ".join((*matching, _SQL["select"], *count, _SQL["page_of_matching"], *page_end))


def _count_statement(filters: ProductFilters, page: PageRequest) -> LiteralString:
    return _count_all(page) if _is_unfiltered(filters) else " ".join((*_matching(page), _SQL["count"], "FROM matching"))


def _count_all(page: PageRequest) -> LiteralString:
    return _SQL["count_all"] if page.most is None else _SQL["count_up_to"]


def _matching(page: PageRequest) -> tuple[LiteralString, ...]:
    most = () if page.most is None else (_SQL["most"],)
    return (_SQL["with_matching"], _SQL["matching"], *most, ")")


def _is_unfiltered(filters: ProductFilters) -> bool:
    return filters == ProductFilters(include_inactive=filters.include_inactive)


async def find(database: Database, pharmacy_id: int, product_id: int) -> ProductRow | None:
    """Return one product, active or not, or None."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["select"] + " " + _SQL["by_id"], params, ProductRow)


async def catalogue_version(database: Database, pharmacy_id: int) -> CatalogueVersion | None:
    """Return what differs between any two states of a pharmacy's products.

    A batch writes products only while it has the turn, and takes each chunk off `chunks_left` with its effect.
    """
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["version"], {"pharmacy_id": pharmacy_id}, CatalogueVersion)


async def rows_written(database: Database) -> RowsWritten:
    """Return PostgreSQL's counters of rows written to `products`."""
    async with database.transaction() as connection:
        counters = await fetch_one(connection, _SQL["rows_written"], None, RowsWritten)
    assert counters is not None
    return counters
