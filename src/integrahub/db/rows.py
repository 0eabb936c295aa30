"""Typed rows: a psycopg row factory for frozen `msgspec.Struct` types, and functions that run one statement with it.

A module of `db` declares its rows in the `rows.py` of its folder and reads them so::

    class Batch(msgspec.Struct, frozen=True):
        id: UUID
        load_type: LoadType  # an enum: the column holds its value
        finished_at: datetime | None

    batch = await fetch_one(connection, FIND, {"id": batch_id}, Batch)
    batches = await fetch_all(connection, LIST_OPEN, {}, Batch)
    count = await fetch_value(connection, COUNT_OPEN, {}, int)
    ids = await fetch_column(connection, LIST_IDS, {}, UUID)

For anything else (streams, say), open `connection.cursor(row_factory=rows_of(Batch))`.

Columns are matched to fields by the field's Python name, also where the type renames its members for JSON. A column
without a field is ignored. A field without a column takes its default; without a default, or when a value does not fit
the field's type, reading raises `msgspec.ValidationError`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import QueryNoTemplate
from psycopg.pq.abc import PGresult
from psycopg.rows import BaseRowFactory

_T = TypeVar("_T")
_Struct = TypeVar("_Struct", bound=msgspec.Struct)
Params = Mapping[str, Any] | None


class _Cursor(Protocol):
    @property
    def pgresult(self) -> PGresult | None: ...


def rows_of(row_type: type[_Struct]) -> BaseRowFactory[_Struct]:
    """Return the row factory that makes each row a `row_type`. Nested structs are read from jsonb."""
    members = _members(row_type)

    def factory(cursor: _Cursor) -> Callable[[Sequence[Any]], _Struct]:
        keys = tuple(members.get(column, column) for column in _columns(cursor.pgresult))
        return lambda values: msgspec.convert(dict(zip(keys, values, strict=True)), row_type)

    return factory


@cache  # each statement asks for its factory again, also on the claim path
def _members(row_type: type[msgspec.Struct]) -> dict[str, str]:
    return {field.name: field.encode_name for field in msgspec.structs.fields(row_type)}


def values_of(value_type: type[_T]) -> BaseRowFactory[_T]:
    """Return the row factory that makes each row the value of its first column."""

    def factory(_: _Cursor) -> Callable[[Sequence[Any]], _T]:
        return lambda values: msgspec.convert(values[0], value_type)

    return factory


def _columns(result: PGresult | None) -> list[str]:
    # psycopg calls the factory after each statement, also after one that returns no rows.
    if result is None:
        return []
    return [(result.fname(index) or b"").decode() for index in range(result.nfields)]


async def fetch_one(
    connection: AsyncConnection[Any],
    query: QueryNoTemplate,
    params: Params,
    row_type: type[_Struct],
    *,
    binary: bool = False,
) -> _Struct | None:
    """Run `query` and return its first row, or None. `binary` requests binary results, for large arrays."""
    cursor = await connection.execute(query, params, binary=binary)
    return await _with_rows(cursor, rows_of(row_type)).fetchone()


async def fetch_all(
    connection: AsyncConnection[Any],
    query: QueryNoTemplate,
    params: Params,
    row_type: type[_Struct],
    *,
    binary: bool = False,
) -> list[_Struct]:
    """Run `query` and return all its rows. `binary` requests binary results, for large arrays."""
    cursor = await connection.execute(query, params, binary=binary)
    return await _with_rows(cursor, rows_of(row_type)).fetchall()


async def fetch_value(
    connection: AsyncConnection[Any], query: QueryNoTemplate, params: Params, value_type: type[_T]
) -> _T | None:
    """Run `query` and return the first column of its first row; None if there is no row."""
    cursor = await connection.execute(query, params)
    return await _with_rows(cursor, values_of(value_type)).fetchone()


async def fetch_column(
    connection: AsyncConnection[Any], query: QueryNoTemplate, params: Params, value_type: type[_T]
) -> list[_T]:
    """Run `query` and return the first column of all its rows."""
    cursor = await connection.execute(query, params)
    return await _with_rows(cursor, values_of(value_type)).fetchall()


def _with_rows(cursor: AsyncCursor[Any], row_factory: BaseRowFactory[_T]) -> AsyncCursor[_T]:
    # psycopg lets the factory change after the statement ran. So every statement runs by `connection.execute`, where
    # tests observe it and crash the process.
    cursor.row_factory = row_factory
    return cursor
