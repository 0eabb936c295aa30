"""Search of products for the query API, and PostgreSQL's counts of rows written to `products`."""

import json
from datetime import datetime

import msgspec

from integrahub.db.database import Database
from integrahub.db.products.rows import CatalogueVersion, ProductFilters, ProductRow, RowsWritten
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value

_SQL = load_queries(__name__)
SORTS = ("-updated", "product_id", "title", "price", "-price", "stock", "-stock")
FILTERS = ProductFilters.__struct_fields__
_COLUMN_OF = {"updated": "updated_at", "product_id": "product_id", "title": "title", "price": "price", "stock": "stock"}
_MAX_CURSOR_TITLE_LENGTH = 250  # characters, escaped


class PageRequest(msgspec.Struct, frozen=True):
    """Which page of the matching products to read. `after` is the cursor key and the product id of the last row.

    `settled_until` is the value that the page before returned; None for the first page.
    """

    sort: str
    limit: int
    offset: int = 0
    after: tuple[str, int] | None = None
    settled_until: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of products, and the number of products that match.

    With `updated_since`, the page holds changes before `settled_until` only.
    """

    matching: int
    products: list[ProductRow]
    settled_until: datetime | None


def cursor_key(product: ProductRow, sort: str) -> str:
    """Return the product's position in the order `sort`, for a cursor; '' for a title that is too long for a cursor."""
    value = getattr(product, _COLUMN_OF[sort.lstrip("-")])
    if sort == "title" and len(json.dumps(value)) > _MAX_CURSOR_TITLE_LENGTH:
        return ""
    return str(value.isoformat()) if sort == "-updated" else str(0 if value is None else value)


async def search(database: Database, pharmacy_id: int, filters: ProductFilters, page: PageRequest) -> Page:
    """Read one page of the products that match all filters.

    With `updated_since`, changes are left out that an open transaction may still precede. So a client that asks again
    from the newest change it got misses none.
    """
    after, after_id = page.after or (None, 0)
    params = msgspec.structs.asdict(filters)
    params |= {"pharmacy_id": pharmacy_id, "limit": page.limit, "offset": page.offset}
    params |= {"after": after, "after_id": after_id}
    async with database.transaction() as connection:
        settled_until = page.settled_until
        if filters.updated_since and settled_until is None:
            settled_until = await fetch_value(connection, _SQL["settled_until"], params, datetime)
        params["settled_until"] = settled_until
        matching = await fetch_value(connection, _SQL["count"] + " " + _SQL["matching"], params, int)
        statement = " ".join((_SQL["select"], _SQL["matching"], _SQL[page.sort]))
        products = await fetch_all(connection, statement, params, ProductRow)
    return Page(matching or 0, products, settled_until)


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
