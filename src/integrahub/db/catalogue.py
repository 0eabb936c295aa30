"""Reads of `products` for the query API."""

import json
from typing import Any

from integrahub.db.loader import blocks
from integrahub.db.pool import Database

_SQL = blocks("catalogue")
SORTS = ("-updated", "product_id", "title", "price", "-price", "stock", "-stock")
FILTERS = (
    *("q", "ean", "category", "brand", "price_min", "price_max", "stock_min", "in_stock", "promo", "updated_since"),
    "include_inactive",
)
_KEYS = {"updated": "updated_at", "product_id": "product_id", "title": "title", "price": "price", "stock": "stock"}
_MAX_CURSOR_TITLE = 250  # characters, escaped
Row = dict[str, Any]


def sort_key(row: Row, sort: str) -> str:
    """Return the row's place in the order `sort`, as a cursor keeps it; '' for a title too long for a cursor."""
    value = row[_KEYS[sort.lstrip("-")]]
    if sort == "title" and len(json.dumps(value)) > _MAX_CURSOR_TITLE:
        return ""
    return value.isoformat() if sort == "-updated" else str(0 if value is None else value)


async def page(
    database: Database,
    pharmacy_id: int,
    filters: Row,
    sort: str,
    *,
    limit: int,
    offset: int = 0,
    after: tuple[str, int] | None = None,
) -> tuple[int, list[Row]]:
    """How many products match `filters` (of FILTERS, None asking nothing), and one page of them."""
    values = {name: filters.get(name) for name in FILTERS} | {"pharmacy_id": pharmacy_id, "limit": limit}
    values["include_inactive"] = bool(values["include_inactive"])
    values |= {"offset": offset, "after": after[0] if after else None, "after_id": after[1] if after else 0}
    async with database.transaction() as connection:
        counted = await (await connection.execute(_SQL["count"] + " " + _SQL["matching"], values)).fetchone()
        statement = " ".join((_SQL["select"], _SQL["matching"], _SQL[sort]))
        rows = await (await connection.execute(statement, values)).fetchall()
    return int(counted["matching"]) if counted else 0, rows
