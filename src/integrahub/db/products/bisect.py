"""Writers of rows: all at once, or bisecting, which finds the rows that PostgreSQL refuses."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from integrahub.db.database import VALUE_ERRORS, Connection

Rows = Sequence[Any]
Write = Callable[[Rows], Awaitable[None]]
WriteRows = Callable[[Connection, Rows, Write], Awaitable[list[Any]]]


async def write_all(connection: Connection, rows: Rows, write: Write) -> list[Any]:
    """Write all rows with one call of `write`. A refused row fails the transaction."""
    if rows:
        await write(rows)
    return []


async def write_bisecting(connection: Connection, rows: Rows, write: Write) -> list[Any]:
    """Write every row that PostgreSQL accepts, each part in a savepoint; return the refused rows.

    One refused row among n costs at most 2 log2(n) additional calls of `write`.
    """
    if not rows:
        return []
    try:
        async with connection.transaction():
            await write(rows)
        return []
    except VALUE_ERRORS:
        if len(rows) == 1:
            return list(rows)
    half = len(rows) // 2
    refused = await write_bisecting(connection, rows[:half], write)
    return refused + await write_bisecting(connection, rows[half:], write)
