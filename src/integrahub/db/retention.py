"""What is old enough to go: chunks and bodies of final batches, copies of settled dead letters."""

from typing import Any, Literal

from integrahub.db.loader import blocks
from integrahub.db.pool import Database

_SQL = blocks("retention")
Kind = Literal["chunks", "bodies", "letters"]
Row = dict[str, Any]
_DUE = {"chunks": _SQL["chunks_due"], "bodies": _SQL["bodies_due"], "letters": _SQL["letters_due"]}
_REMOVED = {"chunks": _SQL["chunks_removed"], "bodies": _SQL["bodies_removed"], "letters": _SQL["letters_removed"]}


async def due(database: Database, kind: Kind, days: int, limit: int) -> list[Row]:
    """Oldest first, each with its `id` and its `location`, of chunks `locations`."""
    async with database.transaction() as connection:
        return await (await connection.execute(_DUE[kind], {"days": days, "limit": limit})).fetchall()


async def removed(database: Database, kind: Kind, ids: list[Any]) -> None:
    """Their objects are gone."""
    async with database.transaction() as connection:
        await connection.execute(_REMOVED[kind], {"ids": ids})
