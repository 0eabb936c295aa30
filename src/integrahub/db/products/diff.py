"""Which records, by id and hash, say something else than the table holds."""

from array import array

from integrahub.db.arrays import BigintArray
from integrahub.db.database import Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
_MERGE = load_queries("integrahub.db.products.merge")


async def find_differing(database: Database, pharmacy_id: int, ids: "array[int]", hashes: "array[int]") -> list[int]:
    """Places of products that are new, inactive or known by another hash, ascending."""
    asked = {"pharmacy_id": pharmacy_id, "ids": BigintArray(ids), "hashes": BigintArray(hashes)}
    async with database.transaction() as connection:
        await connection.execute(_MERGE["force_index_plan"])
        found = await (await connection.execute(_SQL["diff"], asked, binary=True)).fetchone()
    assert found is not None
    return sorted(found["differing"])
