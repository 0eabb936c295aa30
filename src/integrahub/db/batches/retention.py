"""What is old enough to go: objects and rows of final batches, copies and rows of settled dead letters."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from integrahub.db.chunks.rows import UncopiedLetter
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all

_SQL = load_queries(__name__)
Kind = Literal["chunks", "bodies", "letters", "rows", "reports", "batches", "notes"]
Row = dict[str, Any]
_DUE = {
    "chunks": _SQL["chunks_due"],
    "bodies": _SQL["bodies_due"],
    "letters": _SQL["letters_due"],
    "rows": _SQL["rows_due"],
    "reports": _SQL["reports_due"],
    "batches": _SQL["batches_due"],
    "notes": _SQL["notes_due"],
}
_REMOVED = {
    "chunks": _SQL["mark_chunks_deleted"],
    "bodies": _SQL["mark_bodies_deleted"],
    "letters": _SQL["mark_letters_deleted"],
    "rows": _SQL["mark_rows_deleted"],
    "reports": _SQL["mark_reports_deleted"],
    "batches": _SQL["mark_batches_deleted"],
    "notes": _SQL["mark_notes_deleted"],
}


async def find_due(database: Database, kind: Kind, days: int, limit: int) -> list[Row]:
    """Return what is old enough, oldest first: each has its `id`, and `location` or `locations` of its objects."""
    async with database.transaction() as connection:
        return await (await connection.execute(_DUE[kind], {"days": days, "limit": limit})).fetchall()


async def mark_deleted(database: Database, kind: Kind, ids: list[Any]) -> None:
    """Note that their objects are deleted, or delete their rows."""
    async with database.transaction() as connection:
        await connection.execute(_REMOVED[kind], {"ids": ids})


async def find_uncopied(database: Database, after: int, limit: int) -> list[UncopiedLetter]:
    """Return open letters, by `id` from `after`, whose records are not in a copy of their own, with their chunks."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["letters_uncopied"], {"after": after, "limit": limit}, UncopiedLetter)


async def record_copy(database: Database, letter_id: int, location: str) -> None:
    """Note the copy of a letter's records."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["letter_copied"], {"id": letter_id, "location": location})


async def find_needed(database: Database, objects: Sequence[tuple[str, UUID, int | None]]) -> set[str]:
    """Return the names, of objects by name, batch and number of a dead chunk, that a row still needs."""
    names, batches, numbers = zip(*objects, strict=True)
    values = {"names": list(names), "batches": list(batches), "numbers": list(numbers)}
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["find_needed"], values)).fetchall()
    return {row["name"] for row in rows}
