"""Tables `dead_letters` and `failure_groups`: chunks and messages that no worker retries, grouped by cause."""

from datetime import datetime
from uuid import UUID

from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from integrahub.db.chunks.rows import (
    DeadLetter,
    DeadLetterFilters,
    FailedChunk,
    FailureGroup,
    UngroupedLetter,
    UnresolvedLetter,
)
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.events import DeadMessage
from integrahub.domain.failures import Failure

_SQL = load_queries(__name__)


async def add_chunk(connection: Connection, batch_id: UUID, number: int, failure: Failure, location: str) -> None:
    """Insert the dead letter of a chunk that fails for good in this transaction. `location` is that of its records."""
    chunk = await fetch_one(connection, _SQL["chunk"], {"batch_id": batch_id, "number": number}, FailedChunk)
    assert chunk is not None
    params = {"batch_id": batch_id, "chunk": number, "cnpj": chunk.cnpj, "location": location}
    params |= {"records": chunk.records, "attempts": Jsonb(chunk.attempt_log)}
    await connection.execute(_SQL["insert_unless_known"], params | _to_columns(failure))


async def add_message(database: Database, dead: DeadMessage) -> None:
    """Insert the dead letter of a message that a worker could not process."""
    failure = Failure(dead.error_class, dead.error_code, dead.culprit, dead.message, dead.stack)
    params: dict[str, object] = {name: getattr(dead, name) for name in ("letter_id", "topic", "body", "failed_at")}
    params |= {"trace_id": dead.trace_id or None}
    async with database.transaction() as connection:
        await connection.execute(_SQL["insert_message_unless_known"], params | _to_columns(failure))


def _to_columns(failure: Failure) -> dict[str, str]:
    return {name: getattr(failure, name) for name in (*Failure.__slots__, "fingerprint")}


async def group_new(database: Database) -> dict[str, int]:
    """Count new dead letters in their failure groups; return the new count of each group that grew, by fingerprint."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["group_new"])).fetchall()
    return {row["fingerprint"]: row["count"] for row in rows}


async def list_ungrouped(database: Database) -> list[UngroupedLetter]:
    """Return dead letters of chunks that no failure group counts some seconds after their insert."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["ungrouped"], None, UngroupedLetter)


async def list_page(
    database: Database, filters: DeadLetterFilters, *, settled: bool | None, after: int | None, limit: int
) -> list[DeadLetter]:
    """Return dead letters, newest first, from the id `after` on. `settled` None returns open and settled ones."""
    params = asdict(filters) | {"settled": settled, "after": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["page"], params, DeadLetter)


async def list_unresolved(database: Database, filters: DeadLetterFilters, limit: int) -> list[UnresolvedLetter]:
    """Return the oldest dead letters that are neither settled nor waiting for their replay."""
    async with database.transaction() as connection:
        return await fetch_all(
            connection, _SQL["list_unresolved"], asdict(filters) | {"limit": limit}, UnresolvedLetter
        )


async def find(database: Database, letter_id: int) -> DeadLetter | None:
    """Return one dead letter, with its stack and the body of its message."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"id": letter_id}, DeadLetter)


async def list_groups(database: Database) -> list[FailureGroup]:
    """Return failure groups, latest failure first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["groups"], None, FailureGroup)


async def mute(database: Database, fingerprint: str, until: datetime, note: str, actor: str) -> bool:
    """Mute a failure group until a time; return whether it exists."""
    params = {"fingerprint": fingerprint, "until": until, "note": note, "actor": actor}
    async with database.transaction() as connection:
        return (await connection.execute(_SQL["mute"], params)).rowcount == 1


async def unmute(database: Database, fingerprint: str) -> bool:
    """End the mute of a failure group; return whether it exists."""
    params = {"fingerprint": fingerprint, "until": None, "note": None, "actor": None}
    async with database.transaction() as connection:
        return (await connection.execute(_SQL["mute"], params)).rowcount == 1
