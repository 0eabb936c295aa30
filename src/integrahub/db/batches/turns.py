"""Turns: the lowest unfinished batch of a pharmacy is applied, the others wait; decided under one row's lock."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor

from integrahub.db.chunks import claims as chunks
from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.db.rows import values_of
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import ChunkReady

_SQL = load_queries(__name__)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NextWork:
    """What whoever passed the turn on should announce: chunks of the next batch, or the next batch's end."""

    ready: list[ChunkReady]
    finishing: UUID | None = None


async def lock(connection: Connection, pharmacy_id: int) -> None:
    """From here on nobody else decides this pharmacy's turn."""
    await lock_all(connection, [pharmacy_id])


async def lock_all(connection: Connection, pharmacies: Iterable[int]) -> None:
    """From here on nobody else decides these pharmacies' turns; taken in one order by everybody."""
    await connection.execute(_SQL["lock_turns"], {"pharmacies": sorted(pharmacies)})


async def lock_if_free(connection: Connection, pharmacies: Iterable[int]) -> AsyncCursor[int]:
    """Lock those of the turns that are free. The cursor gives the id of each pharmacy whose turn is now locked."""
    cursor = connection.cursor(row_factory=values_of(int))
    return await cursor.execute(_SQL["lock_turns_if_free"], {"pharmacies": sorted(pharmacies)})


async def grant_next_turn(connection: Connection, pharmacy_id: int, window: InFlightLimit) -> NextWork:
    """Give the turn to the next batch that waits for it. The turn must be locked."""
    passed = await grant_next_turns(connection, [pharmacy_id], window)
    return passed[0] if passed else NextWork([])


async def grant_next_turns(connection: Connection, pharmacies: Iterable[int], window: InFlightLimit) -> list[NextWork]:
    """As `pass_on` of each pharmacy: the turns of those in which a batch waited."""
    asked = {"pharmacies": list(pharmacies)}
    passed = await (await connection.execute(_SQL["grant_turns_if_free"], asked)).fetchall()
    return [await _given(connection, batch, window) for batch in passed]


async def _given(connection: Connection, batch: Row, window: InFlightLimit) -> NextWork:
    """What a batch needs that has just got the turn."""
    if batch["stage"] == "finishing":
        return NextWork([], batch["id"])
    return NextWork(await chunks.dispatch_next(connection, batch["id"], window))


async def next_received_seq(connection: Connection, pharmacy_id: int) -> int:
    """The pharmacy's next number. The turn must be locked."""
    row = await (await connection.execute(_SQL["next_received_seq"], {"pharmacy_id": pharmacy_id})).fetchone()
    assert row is not None
    return int(row["last_seq"])
