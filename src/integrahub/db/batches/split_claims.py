"""Rows of `batches`: claims, moves and turns."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.batches import turns
from integrahub.db.batches.turns import NextWork
from integrahub.db.chunks import claims as chunks
from integrahub.db.chunks.rows import NewChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BodyError

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def find(connection: Connection, batch_id: UUID) -> Row | None:
    """The batch with its pharmacy's CNPJ and settings."""
    return await (await connection.execute(_SQL["find"], {"id": batch_id})).fetchone()


async def claim_split(
    database: Database, batch_id: UUID, token: UUID, worker: UUID, *, alone: bool = False
) -> Row | None:
    """Take the batch for splitting; None when it is done or in other hands.

    After a crash only an `alone` worker gets it, one that splits nothing beside it: a crash is then its own.
    """
    async with database.transaction() as connection:
        values = {"id": batch_id, "token": token, "worker": worker, "lease": chunks.LEASE_SECONDS, "alone": alone}
        return await (await connection.execute(_SQL["claim_split_if_free"], values)).fetchone()


async def is_suspected_of_crash(database: Database, batch_id: UUID) -> bool:
    """Whether a worker crashed while it split the batch, and it is to be split again."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["suspected_split"], {"id": batch_id})).fetchone() is not None


async def renew_splits(database: Database, claims: list[Row]) -> bool:
    """Whether some of the splits taken under one token are still ours, or all have ended: nothing is lost then."""
    values = {
        "ids": [claim["id"] for claim in claims],
        "token": claims[0]["claim_token"],
        "lease": chunks.LEASE_SECONDS,
    }
    async with database.transaction() as connection:
        if await (await connection.execute(_SQL["renew_splits_if_held"], values)).fetchone():
            return True
        # A statement of its own: the one before may have waited for the transaction that ended them.
        return await (await connection.execute(_SQL["find_unfinished"], values)).fetchone() is None


async def retry_split(database: Database, claim: Row, delay: float, used: int) -> None:
    """Hand the split back for a later try, `delay` seconds from now."""
    async with database.transaction() as connection:
        values = {"id": claim["id"], "token": claim["claim_token"], "delay": delay, "used": used}
        await connection.execute(_SQL["retry_split"], values)


async def final(connection: Connection, batch_id: UUID) -> Row:
    """Return what the log tells of a batch that is final, in the transaction that ended it."""
    found = await (await connection.execute(_SQL["final"], {"id": batch_id})).fetchone()
    assert found is not None
    return found


async def fail(database: Database, claim: Row, fault: BodyError, window: InFlightLimit) -> NextWork | None:
    """End a batch whose body is at fault and pass the turn on; None when the claim is lost."""
    async with database.transaction() as connection:
        await turns.lock(connection, claim["pharmacy_id"])
        values = {"id": claim["id"], "token": claim["claim_token"]}
        if not await (await connection.execute(_SQL["lock_if_claimed"], values)).fetchone():
            return None
        told = {"code": fault.code, "facts": Jsonb(fault.facts), "offset": fault.offset}
        await connection.execute(_SQL["fail"], values | told)
        return await turns.grant_next_turn(connection, claim["pharmacy_id"], window)


async def end_split(
    database: Database, claim: Row, rows: Iterable[NewChunk], items: int, unreadable: int, window: InFlightLimit
) -> NextWork | None:
    """Insert the chunks, and take or await the turn. Gives what to announce; None when the claim is lost."""
    async with database.transaction() as connection:
        await turns.lock(connection, claim["pharmacy_id"])
        values = {"id": claim["id"], "token": claim["claim_token"]}
        if not await (await connection.execute(_SQL["lock_if_claimed"], values)).fetchone():
            return None
        inserted, left = await chunks.insert(connection, rows)
        ended = values | {"chunks": inserted, "left": left, "items": items, "unreadable": unreadable}
        row = await (await connection.execute(_SQL["end_split"], ended)).fetchone()
        if row and row["stage"] == "finishing":
            return NextWork([], claim["id"])
        return NextWork(await chunks.dispatch_next(connection, claim["id"], window))


async def set_has_products(connection: Connection, pharmacies: list[int]) -> None:
    """From now on loads of these pharmacies look at what is there."""
    await connection.execute(_SQL["set_has_products"], {"pharmacies": pharmacies})


async def due_splits(database: Database, again: float) -> list[Row]:
    """Batches to announce (again); `again` is the shortest interval in seconds."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["due_splits"], {"again": again})).fetchall()


async def due_finishes(database: Database, again: float) -> list[UUID]:
    """Batches to finish, announced at least `again` seconds ago."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["due_finishes"], {"again": again})).fetchall()
        return [row["id"] for row in rows]
