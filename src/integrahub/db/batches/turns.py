"""Turns: in each pharmacy only the lowest unfinished batch is applied, decided under the lock of one row."""

from collections.abc import Iterable
from uuid import UUID

from psycopg import AsyncCursor

from integrahub.db.batches.rows import GrantedTurn
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value, values_of
from integrahub.domain.batches import Stage
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import NextWork

_SQL = load_queries(__name__)


async def lock(connection: Connection, pharmacy_id: int) -> None:
    """Lock a pharmacy's turn row until the transaction ends."""
    await lock_all(connection, [pharmacy_id])


async def lock_all(connection: Connection, pharmacies: Iterable[int]) -> None:
    """Lock the turn rows of pharmacies. All transactions lock them in the same order, so they cannot deadlock."""
    await connection.execute(_SQL["lock_turns"], {"pharmacies": sorted(pharmacies)})


async def lock_if_free(connection: Connection, pharmacies: Iterable[int]) -> AsyncCursor[int]:
    """Lock those of the turn rows that are free. The cursor gives the id of each pharmacy whose row is now locked."""
    cursor = connection.cursor(row_factory=values_of(int))
    return await cursor.execute(_SQL["lock_turns_if_free"], {"pharmacies": sorted(pharmacies)})


async def grant_next_turn(connection: Connection, pharmacy_id: int, in_flight: InFlightLimit) -> NextWork:
    """Grant the turn to the pharmacy's next waiting batch. The caller has locked the turn row."""
    granted = await grant_next_turns(connection, [pharmacy_id], in_flight)
    return granted[0] if granted else NextWork([])


async def grant_next_turns(
    connection: Connection, pharmacies: Iterable[int], in_flight: InFlightLimit
) -> list[NextWork]:
    """Grant the turns of pharmacies, and return the work of those in which a batch waited."""
    params = {"pharmacies": list(pharmacies)}
    granted = await fetch_all(connection, _SQL["grant_turns_if_free"], params, GrantedTurn)
    return [await next_work(connection, batch.id, batch.stage, in_flight) for batch in granted]


async def next_work(connection: Connection, batch_id: UUID, stage: Stage | None, in_flight: InFlightLimit) -> NextWork:
    """Return the work of a batch that has the turn, marking its first chunks as dispatched."""
    if stage is Stage.FINISHING:
        return NextWork([], batch_id)
    return NextWork(await chunk_claims.dispatch_next(connection, batch_id, in_flight))


async def next_received_seq(connection: Connection, pharmacy_id: int) -> int:
    """Return the pharmacy's next number. The caller has locked the turn row."""
    seq = await fetch_value(connection, _SQL["next_received_seq"], {"pharmacy_id": pharmacy_id}, int)
    assert seq is not None
    return seq
