"""Comparison of records with the table by product id and hash."""

from array import array

import msgspec

from integrahub.db.arrays import BigintArray
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one

_SQL = load_queries(__name__)
_MERGE = load_queries("integrahub.db.products.merge")


class _Diff(msgspec.Struct, frozen=True):
    differing: list[int]


async def find_differing(database: Database, pharmacy_id: int, ids: "array[int]", hashes: "array[int]") -> list[int]:
    """Return indexes of records whose product is new, inactive or has another hash, in ascending order."""
    params = {"pharmacy_id": pharmacy_id, "ids": BigintArray(ids), "hashes": BigintArray(hashes)}
    async with database.transaction() as connection:
        await connection.execute(_MERGE["force_index_plan"])
        diff = await fetch_one(connection, _SQL["diff"], params, _Diff, binary=True)
    assert diff is not None
    return sorted(diff.differing)
