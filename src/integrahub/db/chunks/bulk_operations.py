"""Table `bulk_operations`: replays of many dead letters, their progress and their result."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from integrahub.db.chunks.bulk_rows import BulkOperation, BulkOperationPosition, BulkProgress
from integrahub.db.chunks.rows import DeadLetterFilters, UnresolvedLetter
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value
from integrahub.domain.ids import uuid7

_SQL = load_queries(__name__)
_ADOPTED_PER_RUN = 10_000


class NewOperation(msgspec.Struct, frozen=True):
    """An operation to start: who starts it, by which filter, and how many letters were refused before, by code."""

    actor: str
    filters: DeadLetterFilters
    refusals: Mapping[str, int] = {}


async def start(
    database: Database, new: NewOperation, selection: DeadLetterFilters, limit: int
) -> tuple[UUID, int] | None:
    """Start the replay of up to `limit` open dead letters; return the id of the operation and the number of letters.

    `selection` may be narrower than the filter that the operation shows. Return None if no letter matches.
    """
    refused, operation_id = sum(new.refusals.values()), uuid7()
    params = msgspec.structs.asdict(selection) | {"id": operation_id, "actor": new.actor, "limit": limit}
    params |= {"filters": _to_jsonb(new.filters), "refusals": Jsonb(dict(new.refusals)), "refused": refused}
    async with database.transaction() as connection:
        letters = await fetch_value(connection, _SQL["start"], params, int)
    return None if letters is None else (operation_id, letters - refused)


def _to_jsonb(filters: DeadLetterFilters) -> Jsonb:
    given = {name: value for name, value in msgspec.structs.asdict(filters).items() if value is not None}
    return Jsonb(given, dumps=msgspec.json.encode)


async def claim_due(database: Database, seconds: float, limit: int) -> list[UUID]:
    """Return up to `limit` running operations that no worker took in the last seconds."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["adopt"], {"id": uuid7(), "limit": _ADOPTED_PER_RUN})
        return await fetch_column(connection, _SQL["claim_due"], {"seconds": seconds, "limit": limit}, UUID)


async def list_letters(database: Database, operation_id: UUID, limit: int) -> list[UnresolvedLetter]:
    """Return the oldest letters that an operation has still to replay."""
    params = {"id": operation_id, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["letters"], params, UnresolvedLetter)


async def count_replayed(connection: Connection, operation_id: UUID, count: int) -> None:
    """Count letters that this transaction replays."""
    await connection.execute(_SQL["count_replayed"], {"id": operation_id, "count": count})


async def refuse(database: Database, operation_id: UUID, letters: Sequence[int], code: str) -> None:
    """Return letters that cannot be replayed to the open ones, and count them under the code of the reason."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["refuse"], {"id": operation_id, "letters": list(letters), "code": code})


async def resolve_message(database: Database, operation_id: UUID, letter_id: int) -> None:
    """Settle the dead letter of a message that was published again, and count it."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["resolve_message"], {"id": operation_id, "letter": letter_id})


async def complete(database: Database, operation_id: UUID) -> bool:
    """End an operation if it has no letter left to replay; return whether it ended now."""
    async with database.transaction() as connection:
        return (await connection.execute(_SQL["complete_if_running"], {"id": operation_id})).rowcount == 1


async def stop(database: Database, operation_id: UUID, actor: str) -> int | None:
    """Stop a running operation; return how many letters it leaves open, None if it does not run."""
    async with database.transaction() as connection:
        released = (await connection.execute(_SQL["release"], {"id": operation_id})).rowcount
        stopped = await connection.execute(_SQL["stop_if_running"], {"id": operation_id, "actor": actor})
        return released if stopped.rowcount else None


async def find(database: Database, operation_id: UUID) -> BulkProgress | None:
    """Return an operation and the outcome of its letters."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"id": operation_id}, BulkProgress)


async def list_page(
    database: Database, after: BulkOperationPosition | None, limit: int, top: tuple[datetime, UUID] | None = None
) -> list[BulkOperation]:
    """Return operations, newest first, from the line `top` on."""
    before: datetime | None = after.created_at if after else None
    params = {"before": before, "before_id": after.id if after else None, "limit": limit}
    params |= {"top": top and top[0], "top_id": top and top[1]}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["page"], params, BulkOperation)


async def count_newer(database: Database, top: tuple[datetime, UUID]) -> int:
    """Count operations that are newer than the first line that a reader sees, up to 100."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["newer"], {"top": top[0], "top_id": top[1]}, int) or 0


async def delete_old(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` operations that ended these days ago; return how many."""
    async with database.transaction() as connection:
        params = {"days": days, "limit": limit}
        ids = await fetch_column(connection, _SQL["due_for_deletion"], params, UUID)
        await connection.execute(_SQL["delete"], {"ids": ids})
        return len(ids)
