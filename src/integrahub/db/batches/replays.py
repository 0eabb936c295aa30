"""Rows of replays: a batch or its dead chunks queued again, and what later batches said of their products."""

from typing import Any
from uuid import UUID

from integrahub.db.batches import split_claims as batches
from integrahub.db.batches import turns
from integrahub.db.batches.turns import NextWork
from integrahub.db.chunks.rows import ChunkClaim, LaterAbsence, LaterWrite, StoredChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import Conflict
from integrahub.domain.ids import uuid7

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def queue_batch(database: Database, batch_id: UUID) -> Row:
    """Queue a final batch to be split and applied again: the new batch. Conflict when it cannot be."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        assert batch is not None
        await turns.lock(connection, batch["pharmacy_id"])
        batch = await batches.find(connection, batch_id)
        assert batch is not None
        if batch["finished_at"] is None:
            raise Conflict("replay_unfinished", batch_id=batch_id)
        pending = await (await connection.execute(_SQL["pending"], {"parent_id": batch_id})).fetchone()
        if pending:
            raise Conflict("replay_pending", {"batch_id": str(pending["id"])}, batch_id=pending["id"])
        number = await turns.next_received_seq(connection, batch["pharmacy_id"])
        replay_id = uuid7()
        values = {"id": replay_id, "parent_id": batch_id, "received_seq": number}
        await connection.execute(_SQL["insert_batch"], values)
        queued = await batches.find(connection, replay_id)
    assert queued is not None
    return queued


async def queue_chunk_replay(
    database: Database, batch_id: UUID, letters: list[int], window: InFlightLimit
) -> NextWork | None:
    """Queue dead chunks of one batch to be applied again and settle their letters; None when all are settled."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        assert batch is not None
        await turns.lock(connection, batch["pharmacy_id"])
        values: Row = {"id": uuid7(), "batch_id": batch_id, "letters": letters}
        if not await (await connection.execute(_SQL["lock_unresolved"], values)).fetchall():
            return None
        values["received_seq"] = await turns.next_received_seq(connection, batch["pharmacy_id"])
        await connection.execute(_SQL["insert_chunk_replay"], values)
        await connection.execute(_SQL["insert_chunk_replay_chunks"], values)
        await connection.execute(_SQL["resolve_letters"], values)
        return await turns.grant_next_turn(connection, batch["pharmacy_id"], window)


async def release_requested(database: Database, rate: int, window: InFlightLimit) -> list[NextWork]:
    """Queue the chunks of up to `rate` letters whose replay was asked for; what to announce."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["requested"], {"rate": rate})).fetchall()
    turns_passed = [await queue_chunk_replay(database, row["batch_id"], row["letters"], window) for row in rows]
    return [turn for turn in turns_passed if turn]


async def reopen_dead_letters(connection: Connection, revival_id: UUID) -> None:
    """Give back the letters of chunks that a cancelled revival did not apply."""
    await connection.execute(_SQL["reopen_letters"], {"id": revival_id})


async def list_later_writes(database: Database, claim: ChunkClaim) -> list[LaterWrite]:
    """Return which batches after a replayed one applied products of this chunk: FULLs before DELTAs, in order."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["applied_later"], _to_params(claim), LaterWrite)


async def list_later_absences(database: Database, claim: ChunkClaim) -> list[LaterAbsence]:
    """Return products of this chunk that a later FULL deactivated, with the last such FULL."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["absent_later"], _to_params(claim), LaterAbsence)


async def list_stored_chunks(database: Database, keys: list[tuple[UUID, int]]) -> list[StoredChunk]:
    """Return where the records of chunks are stored, and the body behind each."""
    params = {"batches": [batch_id for batch_id, _ in keys], "numbers": [number for _, number in keys]}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["chunks_of"], params, StoredChunk)


def _to_params(claim: ChunkClaim) -> Row:
    names = ("batch_id", "number", "pharmacy_id", "received_seq", "origin_seq")
    return {name: getattr(claim, name) for name in names}


async def needed_bodies(database: Database, batch: Row) -> list[Row]:
    """Objects that must survive for the batch to be replayed: chunks of later DELTAs, and the bodies behind them."""
    origin = batch["origin_seq"] or batch["received_seq"]
    asked = {"batch_id": batch["id"], "pharmacy_id": batch["pharmacy_id"], "origin_seq": origin}
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["needed_bodies"], asked)).fetchall()


async def is_newest(connection: Connection, batch: Row) -> bool:
    """Whether no load came after the replayed batch."""
    row = await (await connection.execute(_SQL["is_newest"], batch)).fetchone()
    return bool(row and row["newest"])
