"""Reads of `products` for the query API."""

import json
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one

_SQL = load_queries(__name__)
SORTS = ("-updated", "product_id", "title", "price", "-price", "stock", "-stock")
FILTERS = (
    *("q", "ean", "category", "brand", "price_min", "price_max", "stock_min", "in_stock", "promo", "updated_since"),
    "include_inactive",
)
_KEYS = {"updated": "updated_at", "product_id": "product_id", "title": "title", "price": "price", "stock": "stock"}
_MAX_CURSOR_TITLE = 250  # characters, escaped
Row = dict[str, Any]


class RowsWritten(msgspec.Struct, frozen=True):
    """Rows that PostgreSQL inserted into, updated and deleted from `products`."""

    n_tup_ins: int
    n_tup_upd: int
    n_tup_del: int


class Page(NamedTuple):
    """How many products match, a page of them, and until when changes were shown (None where none were asked)."""

    matching: int
    rows: list[Row]
    settled_until: datetime | None


def cursor_key(row: Row, sort: str) -> str:
    """Return the row's place in the order `sort`, as a cursor keeps it; '' for a title too long for a cursor."""
    value = row[_KEYS[sort.lstrip("-")]]
    if sort == "title" and len(json.dumps(value)) > _MAX_CURSOR_TITLE:
        return ""
    return value.isoformat() if sort == "-updated" else str(0 if value is None else value)


async def search(
    database: Database,
    pharmacy_id: int,
    filters: Row,
    sort: str,
    *,
    limit: int,
    offset: int = 0,
    after: tuple[str, int] | None = None,
    settled_until: datetime | None = None,
) -> Page:
    """Read one page of the products that match `filters` (of FILTERS, None asking nothing).

    Of what changed since a moment only that is shown which changed before `settled_until`, so that who asks again from
    the newest change seen misses none that was written earlier and committed later. None: as of now.
    """
    values = {name: filters.get(name) for name in FILTERS} | {"pharmacy_id": pharmacy_id, "limit": limit}
    values["include_inactive"] = bool(values["include_inactive"])
    values |= {"offset": offset, "after": after[0] if after else None, "after_id": after[1] if after else 0}
    async with database.transaction() as connection:
        if values["updated_since"] and settled_until is None:
            found = await (await connection.execute(_SQL["settled_until"], values)).fetchone()
            settled_until = found["moment"] if found else None
        values["settled_until"] = settled_until
        counted = await (await connection.execute(_SQL["count"] + " " + _SQL["matching"], values)).fetchone()
        statement = " ".join((_SQL["select"], _SQL["matching"], _SQL[sort]))
        rows = await (await connection.execute(statement, values)).fetchall()
    return Page(int(counted["matching"]) if counted else 0, rows, settled_until)


async def rows_written(database: Database) -> RowsWritten:
    """Return PostgreSQL's counters of rows written to `products`."""
    async with database.transaction() as connection:
        counters = await fetch_one(connection, _SQL["rows_written"], {}, RowsWritten)
    assert counters is not None
    return counters
