"""Rows of `dead_letters` and `failure_groups`: work that is given up until a person looks, and why."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.domain.events import DeadMessage
from integrahub.domain.failures import Failure

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def add_chunk(connection: Connection, batch_id: UUID, number: int, failure: Failure, location: str) -> None:
    """The letter of a chunk that dies in this transaction; `location` is the object that keeps its records."""
    asked = {"batch_id": batch_id, "number": number}
    chunk = await (await connection.execute(_SQL["chunk"], asked)).fetchone()
    assert chunk is not None
    letter = {"batch_id": batch_id, "chunk": number, "cnpj": chunk["cnpj"]}
    kept = {"location": location, "records": chunk["records"], "attempts": Jsonb(chunk["attempt_log"])}
    await connection.execute(_SQL["insert_unless_known"], letter | kept | _to_columns(failure))


async def add_message(database: Database, dead: DeadMessage) -> None:
    """The letter of a message that was given up."""
    failure = Failure(dead.error_class, dead.error_code, dead.culprit, dead.message, dead.stack)
    letter = {name: getattr(dead, name) for name in ("letter_id", "topic", "body", "failed_at")}
    letter |= {"trace_id": dead.trace_id or None}
    async with database.transaction() as connection:
        await connection.execute(_SQL["insert_message_unless_known"], letter | _to_columns(failure))


def _to_columns(failure: Failure) -> Row:
    return {name: getattr(failure, name) for name in (*Failure.__slots__, "fingerprint")}


async def group_new(database: Database) -> dict[str, int]:
    """Count letters not counted yet; fingerprint -> how many there are now, of those that grew."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["group_new"])).fetchall()
    return {row["fingerprint"]: row["count"] for row in rows}


async def list_ungrouped(database: Database) -> list[Row]:
    """Letters of chunks to announce again."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["ungrouped"])).fetchall()
    return [row for row in rows if row["batch_id"]]


async def list_page(database: Database, wanted: Row, after: int | None, limit: int) -> list[Row]:
    """Return letters, newest first, of the `cnpj`, `batch_id`, `error` and `settled` wanted.

    `error` is a class, a code or a fingerprint; None wants any.
    """
    values = wanted | {"after": after, "limit": limit}
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["page"], values)).fetchall()


async def list_unresolved(database: Database, wanted: Row) -> list[Row]:
    """Letters that wait for a person, by `ids`, `batch_id`, `cnpj`, `error` (None asking nothing), at most `limit`."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["list_unresolved"], wanted)).fetchall()


async def request_replay(database: Database, letters: list[int]) -> None:
    """Have sweep release the chunks of these letters."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["request_replay"], {"letters": letters})


async def resolve(database: Database, letter_id: int) -> None:
    """Nothing is left to do about a letter."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["resolve"], {"id": letter_id})


async def find(database: Database, letter_id: int) -> Row | None:
    """One letter, with its stack."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["find"], {"id": letter_id})).fetchone()


async def list_groups(database: Database) -> list[Row]:
    """Failures by fingerprint, latest first."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["groups"])).fetchall()
