"""Retention: find what is old enough to delete, and record its deletion."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from integrahub.db.batches.rows import Expired
from integrahub.db.chunks.rows import UncopiedLetter
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column

_SQL = load_queries(__name__)
Kind = Literal["chunks", "bodies", "dead_letter_copies", "rows", "reports", "batches", "dead_letters"]
_FIND_DUE = {
    "chunks": _SQL["chunks_due"],
    "bodies": _SQL["bodies_due"],
    "dead_letter_copies": _SQL["dead_letter_copies_due"],
    "rows": _SQL["rows_due"],
    "reports": _SQL["reports_due"],
    "batches": _SQL["batches_due"],
    "dead_letters": _SQL["dead_letters_due"],
}
_MARK_DELETED = {
    "chunks": _SQL["mark_chunks_deleted"],
    "bodies": _SQL["mark_bodies_deleted"],
    "dead_letter_copies": _SQL["mark_dead_letter_copies_deleted"],
    "rows": _SQL["mark_rows_deleted"],
    "reports": _SQL["mark_reports_deleted"],
    "batches": _SQL["mark_batches_deleted"],
    "dead_letters": _SQL["mark_dead_letters_deleted"],
}


async def find_due(database: Database, kind: Kind, days: int, limit: int) -> list[Expired]:
    """Return what is old enough to delete, oldest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _FIND_DUE[kind], {"days": days, "limit": limit}, Expired)


async def mark_deleted(database: Database, kind: Kind, ids: Sequence[UUID | int]) -> None:
    """Record that the objects are deleted, or delete the rows."""
    async with database.transaction() as connection:
        await connection.execute(_MARK_DELETED[kind], {"ids": list(ids)})


async def delete_dry_run_changes(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` changes of old dry runs; return how many were deleted."""
    async with database.transaction() as connection:
        return (await connection.execute(_SQL["delete_dry_run_changes"], {"days": days, "limit": limit})).rowcount


async def find_uncopied(database: Database, after: int, limit: int) -> list[UncopiedLetter]:
    """Return open dead letters whose records have no copy of their own, by id, after the id `after`."""
    params = {"after": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["uncopied_letters"], params, UncopiedLetter)


async def record_copy(database: Database, letter_id: int, location: str) -> None:
    """Record where the copy of a dead letter's records is."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["record_copy"], {"id": letter_id, "location": location})


async def find_needed(database: Database, objects: Sequence[tuple[str, UUID, int | None]]) -> set[str]:
    """Return the names of the objects that a row still needs. An object is a name, its batch and its chunk's number."""
    names, batches, numbers = zip(*objects, strict=True)
    params = {"names": list(names), "batches": list(batches), "numbers": list(numbers)}
    async with database.transaction() as connection:
        return set(await fetch_column(connection, _SQL["find_needed"], params, str))
