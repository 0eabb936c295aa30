"""A catalogue built anew beside the table, in temporary tables of one snapshot, and compared with it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb
from pyroaring import BitMap64

from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.domain.copy_text import copy_text
from integrahub.domain.products import COLUMNS, TEXTS

_SQL = load_queries(__name__)
_BLANK = dict.fromkeys(TEXTS, "") | {"price_promos": "{}"}
# INDICE moves with a record's place in the body; alone it is no change and is not written.
_NAMES = [name for name in COLUMNS if name != "indice"] + ["is_active"]
_SHOWN = 1000  # differences
Row = dict[str, Any]


async def take_snapshot(connection: Connection, cnpj: str) -> list[Row]:
    """Take the snapshot; the pharmacy's applied loads and replays in the order in which they count."""
    connection.answer = None  # statements over a whole catalogue take as long as they take
    await connection.execute(_SQL["begin"])
    await connection.execute(_SQL["set_timeouts"])
    await connection.execute(_SQL["create_rebuilt"])
    await connection.execute(_SQL["create_stage"])
    return await (await connection.execute(_SQL["loads"], {"cnpj": cnpj})).fetchall()


async def read_body(connection: Connection, load: Row) -> bytes:
    """A small body, which lives in its row."""
    row = await (await connection.execute(_SQL["body"], load)).fetchone()
    assert row is not None
    return bytes(row["body"])


async def read_applied_ids(connection: Connection, load: Row) -> BitMap64:
    """The products of which the load wrote, or found written, what its records say."""
    found = BitMap64()
    async for chunk in await connection.execute(_SQL["applied_ids"], load):
        found.update(product_id for product_id in chunk["ids"] if product_id > 0)
    async for row in await connection.execute(_SQL["refused_ids"], load):
        found.discard(int(row["product_id"]))
    return found


async def stage_products(connection: Connection, products: Sequence[Any]) -> None:
    """Rows of the dialect: product id, columns as COPY text."""
    async with connection.cursor().copy(_SQL["copy_stage"]) as copy:
        await copy.write(copy_text([(str(row[0]), _columns(row)) for row in products]))


async def merge_staged(connection: Connection, load: Row, *, from_start: bool) -> None:
    """What is staged of a load becomes part of the catalogue."""
    folding = _SQL["fold_full"] if load["load_type"] == "full" else _SQL["fold_delta"]
    await connection.execute(folding, {"origin": load["origin"], "from_start": from_start})
    await connection.execute(_SQL["clear_stage"])


async def compare(connection: Connection, cnpj: str, *, from_start: bool) -> Row:
    """`judged` and `unjudged` products, how many differ (`found`), and the first of these (`differences`)."""
    asked = {"cnpj": cnpj, "from_start": from_start, "blank": Jsonb(_BLANK), "names": _NAMES, "limit": _SHOWN}
    await connection.execute(_SQL["force_hash_antijoin"])
    await connection.execute(_SQL["deactivate_absent"], asked)
    rows = await (await connection.execute(_SQL["compare"], asked)).fetchall()
    counted = await (await connection.execute(_SQL["count_compared"], asked)).fetchone()
    assert counted is not None
    found = rows[0]["found"] if rows else 0
    shown = [{name: row[name] for name in ("product_id", "finding", "columns")} for row in rows]
    return counted | {"found": found, "differences": shown}


def _columns(row: Any) -> str:
    values: Row = {name: value for name, value in zip(COLUMNS, row[1:], strict=False) if value is not None}
    if "extra" in values:
        values["extra"] = msgspec.Raw(values["extra"].encode())
    return msgspec.json.encode(values).decode()
