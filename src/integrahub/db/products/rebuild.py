"""Rebuild of a catalogue from its bodies, in temporary tables of one snapshot, and its comparison with `products`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb
from pyroaring import BitMap64

from integrahub.db.database import Connection
from integrahub.db.products.rows import AppliedLoad, ChunkIds, ComparedCounts, CountedDifference
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value, rows_of
from integrahub.domain.batches import LoadType
from integrahub.domain.copy_text import copy_text
from integrahub.domain.products import BLANKS, COLUMNS, NormalisedRow

_SQL = load_queries(__name__)
# INDICE is the position of a record in the body. A change of it alone is not written.
_COMPARED_COLUMNS = [name for name in COLUMNS if name != "indice"] + ["is_active"]
_MAX_DIFFERENCES = 1000


async def take_snapshot(connection: Connection, cnpj: str) -> list[AppliedLoad]:
    """Begin a snapshot and create the temporary tables.

    Return the pharmacy's applied loads and replays in the order in which they count.
    """
    connection.answer_timeout = None  # a statement over a whole catalogue may take minutes
    await connection.execute(_SQL["begin"])
    await connection.execute(_SQL["set_timeouts"])
    await connection.execute(_SQL["create_rebuilt"])
    await connection.execute(_SQL["create_stage"])
    return await fetch_all(connection, _SQL["loads"], {"cnpj": cnpj}, AppliedLoad)


async def read_body(connection: Connection, load: AppliedLoad) -> bytes:
    """Return the body of a load whose row holds it."""
    body = await fetch_value(connection, _SQL["body"], {"id": load.id}, bytes)
    assert body is not None
    return body


async def read_applied_ids(connection: Connection, load: AppliedLoad) -> BitMap64:
    """Return the ids of products that the load wrote, or left unchanged."""
    ids = BitMap64()
    params = {"id": load.id}
    cursor = connection.cursor(row_factory=rows_of(ChunkIds))
    async for chunk in await cursor.execute(_SQL["applied_ids"], params):
        ids.update(product_id for product_id in chunk.ids if product_id > 0)
    for refused in await fetch_column(connection, _SQL["refused_ids"], params, str):
        ids.discard(int(refused))
    return ids


async def stage_products(connection: Connection, products: Sequence[NormalisedRow]) -> None:
    """Copy rows of the dialect into the stage: product id, then columns as COPY text."""
    async with connection.cursor().copy(_SQL["copy_stage"]) as copy:
        await copy.write(copy_text([(str(row.product_id), _columns(row)) for row in products]))


async def merge_staged(connection: Connection, load: AppliedLoad, *, from_start: bool) -> None:
    """Merge the staged products of a load into the rebuilt catalogue.

    `from_start` means that no load is missing, so that a product whose first record is in a DELTA is complete.
    """
    statement = _SQL["fold_full"] if load.load_type is LoadType.FULL else _SQL["fold_delta"]
    await connection.execute(statement, {"origin": load.origin, "from_start": from_start})
    await connection.execute(_SQL["clear_stage"])


async def compare(
    connection: Connection, cnpj: str, *, from_start: bool
) -> tuple[ComparedCounts, list[CountedDifference]]:
    """Compare the rebuilt catalogue with the table; return the counts and the first differences."""
    params = {"cnpj": cnpj, "from_start": from_start, "blank": Jsonb(BLANKS)}
    params |= {"names": _COMPARED_COLUMNS, "limit": _MAX_DIFFERENCES}
    await connection.execute(_SQL["force_hash_antijoin"])
    await connection.execute(_SQL["deactivate_absent"], params)
    differences = await fetch_all(connection, _SQL["compare"], params, CountedDifference)
    counts = await fetch_one(connection, _SQL["count_compared"], params, ComparedCounts)
    assert counts is not None
    return counts, differences


def _columns(row: NormalisedRow) -> str:
    values: dict[str, Any] = {
        name: value for name, value in zip(COLUMNS, row.columns, strict=True) if value is not None
    }
    if "extra" in values:
        values["extra"] = msgspec.Raw(values["extra"].encode())
    return msgspec.json.encode(values).decode()
