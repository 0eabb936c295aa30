"""Replays: queue a batch or its dead chunks to be applied again, and find what later batches wrote."""

from typing import Any
from uuid import UUID

from integrahub.db.batches import split_claims, turns
from integrahub.db.batches.rows import Batch, NeededObject, QueuedReplay
from integrahub.db.chunks import bulk_operations
from integrahub.db.chunks.rows import ChunkClaim, LaterAbsence, LaterWrite, StoredChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_value
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import Conflict
from integrahub.domain.events import NextWork
from integrahub.domain.ids import uuid7

_SQL = load_queries(__name__)


async def queue_batch(database: Database, batch_id: UUID) -> QueuedReplay:
    """Queue a batch to be split and applied again, and return the new batch.

    Raise Conflict if the batch is not final or its replay is queued already.
    """
    async with database.transaction() as connection:
        batch = await _lock_turn(connection, batch_id)
        if batch.finished_at is None:
            raise Conflict("replay_unfinished", batch_id=batch_id)
        pending = await fetch_value(connection, _SQL["pending"], {"parent_id": batch_id}, UUID)
        if pending:
            raise Conflict("replay_pending", {"batch_id": str(pending)}, batch_id=pending)
        replay_id, seq = uuid7(), await turns.next_received_seq(connection, batch.pharmacy_id)
        await connection.execute(_SQL["insert_batch"], {"id": replay_id, "parent_id": batch_id, "received_seq": seq})
        queued = await split_claims.find(connection, replay_id)
    assert queued is not None
    return QueuedReplay(
        id=queued.id,
        parent_id=batch_id,
        cnpj=queued.cnpj,
        load_type=queued.load_type,
        received_seq=queued.received_seq,
        received_at=queued.received_at,
        status=queued.status,
    )


async def _lock_turn(connection: Connection, batch_id: UUID) -> Batch:
    """Lock the turn of a batch's pharmacy and return the batch as it is then."""
    batch = await split_claims.find(connection, batch_id)
    assert batch is not None
    await turns.lock(connection, batch.pharmacy_id)
    batch = await split_claims.find(connection, batch_id)
    assert batch is not None
    return batch


async def queue_chunk_replay(
    database: Database, batch_id: UUID, letters: list[int], operation_id: UUID, in_flight: InFlightLimit
) -> NextWork | None:
    """Queue dead chunks of one batch to be applied again, resolve their dead letters, and count them in the operation.

    Return None if all the letters are resolved already, or the operation was stopped.
    """
    async with database.transaction() as connection:
        batch = await _lock_turn(connection, batch_id)
        params: dict[str, Any] = {"id": uuid7(), "batch_id": batch_id, "operation_id": operation_id}
        open_letters = await fetch_column(connection, _SQL["lock_unresolved"], params | {"letters": letters}, int)
        if not open_letters:
            return None
        params["letters"] = open_letters
        params["received_seq"] = await turns.next_received_seq(connection, batch.pharmacy_id)
        await connection.execute(_SQL["insert_chunk_replay"], params)
        await connection.execute(_SQL["insert_chunk_replay_chunks"], params)
        await connection.execute(_SQL["resolve_letters"], params)
        await bulk_operations.count_replayed(connection, operation_id, len(open_letters))
        return await turns.grant_next_turn(connection, batch.pharmacy_id, in_flight)


async def reopen_dead_letters(connection: Connection, replay_id: UUID) -> None:
    """Reopen the dead letters of chunks that a cancelled chunk replay did not apply."""
    await connection.execute(_SQL["reopen_letters"], {"id": replay_id})


async def list_later_writes(database: Database, claim: ChunkClaim) -> list[LaterWrite]:
    """Return which batches after a replayed one applied products of this chunk: FULLs before DELTAs, in order."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["applied_later"], _to_params(claim), LaterWrite)


async def list_later_absences(database: Database, claim: ChunkClaim) -> list[LaterAbsence]:
    """Return products of this chunk that a later FULL did not have, with the last such FULL."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["absent_later"], _to_params(claim), LaterAbsence)


async def list_stored_chunks(database: Database, keys: list[tuple[UUID, int]]) -> list[StoredChunk]:
    """Return where the records of chunks are stored, and the body behind each."""
    params = {"batches": [batch_id for batch_id, _ in keys], "numbers": [number for _, number in keys]}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["chunks_of"], params, StoredChunk)


def _to_params(claim: ChunkClaim) -> dict[str, object]:
    names = ("batch_id", "number", "pharmacy_id", "received_seq", "origin_seq")
    return {name: getattr(claim, name) for name in names}


async def needed_bodies(database: Database, batch: Batch) -> list[NeededObject]:
    """Return the objects that a replay of the batch must read: chunks of later DELTAs, and their bodies."""
    origin = batch.origin_seq or batch.received_seq
    params = {"batch_id": batch.id, "pharmacy_id": batch.pharmacy_id, "origin_seq": origin}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["needed_bodies"], params, NeededObject)


async def is_newest(connection: Connection, batch: Batch) -> bool:
    """Return whether no load was received after the one that a batch replays."""
    params = {
        "pharmacy_id": batch.pharmacy_id,
        "origin_seq": batch.origin_seq,
        "received_seq": batch.received_seq,
    }
    return bool(await fetch_value(connection, _SQL["is_newest"], params, bool))
