"""Arrays of numbers as one binary parameter."""

from array import array

import pytest

from integrahub.db.arrays import BigintArray
from integrahub.db.database import Database


@pytest.mark.parametrize(
    "numbers", [[], [0], [1, -1, (1 << 63) - 1, -(1 << 63), 255, 256, -256], list(range(-500, 500))]
)
async def test_bigints_arrive_as_they_are(database: Database, numbers: list[int]) -> None:
    async with database.transaction() as connection:
        asked = await connection.execute("SELECT %s::bigint[] AS numbers", [BigintArray(array("q", numbers))])
        assert await asked.fetchone() == {"numbers": numbers}
