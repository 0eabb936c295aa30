"""Poison isolation: rows PostgreSQL refuses are found by halving, so that each costs itself alone."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from psycopg import DataError, IntegrityError

from integrahub.db.database import Connection

Rows = Sequence[Any]
Write = Callable[[Rows], Awaitable[None]]
WriteRows = Callable[[Connection, Rows, Write], Awaitable[list[Any]]]


async def write_all(connection: Connection, rows: Rows, write: Write) -> list[Any]:
    """Write all rows at once; a row that is refused fails the transaction."""
    if rows:
        await write(rows)
    return []


async def write_bisecting(connection: Connection, rows: Rows, write: Write) -> list[Any]:
    """Write every row that is taken, each part under a savepoint, and give those refused.

    One refused row among n costs at most 2 log2(n) writes more than none would.
    """
    if not rows:
        return []
    try:
        async with connection.transaction():
            await write(rows)
        return []
    except (DataError, IntegrityError):
        if len(rows) == 1:
            return list(rows)
    half = len(rows) // 2
    refused = await write_bisecting(connection, rows[:half], write)
    return refused + await write_bisecting(connection, rows[half:], write)
