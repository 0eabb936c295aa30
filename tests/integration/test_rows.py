"""Rows become frozen structs whose enums, defaults and renamed members fit."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from integrahub.db.database import Database
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value
from integrahub.domain.batches import LoadType


class _Part(msgspec.Struct, frozen=True):
    number: int


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    batch_id: UUID
    load_type: LoadType
    parts: list[_Part]
    pharmacy_id: int | None = None


BATCH = UUID("0199f000-0000-7000-8000-000000000001")
SELECT = """
SELECT %(batch)s::uuid AS batch_id, n AS pharmacy_id, %(load_type)s::text AS load_type,
    jsonb_build_array(jsonb_build_object('number', n)) AS parts, 'unused' AS note
FROM generate_series(1, %(count)s) n
"""


def _params(count: int, load_type: str = "delta") -> dict[str, Any]:
    return {"batch": BATCH, "load_type": load_type, "count": count}


@pytest.mark.parametrize("binary", [False, True])
async def test_rows_are_structs(database: Database, binary: bool) -> None:
    rows = [_Row(BATCH, LoadType.DELTA, [_Part(number)], number) for number in (1, 2)]
    async with database.transaction() as connection:
        assert await fetch_all(connection, SELECT, _params(2), _Row, binary=binary) == rows
        first = await fetch_one(connection, SELECT, _params(2), _Row, binary=binary)
        assert first == rows[0] and first.load_type is LoadType.DELTA
        assert await fetch_one(connection, SELECT, _params(0), _Row, binary=binary) is None
        assert await fetch_all(connection, SELECT, _params(0), _Row, binary=binary) == []


async def test_values_are_typed(database: Database) -> None:
    async with database.transaction() as connection:
        assert await fetch_value(connection, "SELECT 'full' WHERE %(yes)s", {"yes": True}, LoadType) is LoadType.FULL
        assert await fetch_value(connection, "SELECT 1 WHERE %(yes)s", {"yes": False}, int) is None
        assert await fetch_column(connection, "SELECT generate_series(1, 3)", None, int) == [1, 2, 3]


async def test_a_missing_column_takes_the_default(database: Database) -> None:
    query = f"SELECT batch_id, load_type, parts FROM ({SELECT}) AS rows"
    async with database.transaction() as connection:
        row = await fetch_one(connection, query, _params(1), _Row)
        assert row is not None and row.pharmacy_id is None


@pytest.mark.parametrize(
    ("query", "load_type"), [(SELECT, "partial"), (f"SELECT batch_id, parts FROM ({SELECT}) AS rows", "full")]
)
async def test_a_row_that_does_not_fit_is_refused(database: Database, query: Any, load_type: str) -> None:
    async with database.transaction() as connection:
        with pytest.raises(msgspec.ValidationError):
            await fetch_one(connection, query, _params(1, load_type), _Row)
