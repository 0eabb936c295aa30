"""Turns: the lowest unfinished batch of a pharmacy is applied, the others wait; decided under one row's lock."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from integrahub.db import chunks
from integrahub.db.loader import blocks
from integrahub.db.pool import Connection
from integrahub.domain.windows import Window

_SQL = blocks("batches")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What whoever passed the turn on should announce: chunks of the next batch, or the next batch's end."""

    ready: list[Row]
    finishing: UUID | None = None


async def lock(connection: Connection, pharmacy_id: int) -> None:
    """From here on nobody else decides this pharmacy's turn."""
    await connection.execute(_SQL["lock_turn"], {"pharmacy_id": pharmacy_id})


async def pass_on(connection: Connection, pharmacy_id: int, window: Window) -> Turn:
    """Give the turn to the next batch that waits for it. The turn must be locked."""
    row = await (await connection.execute(_SQL["pass_turn_if_free"], {"pharmacy_id": pharmacy_id})).fetchone()
    if row is None:
        return Turn([])
    if row["stage"] == "finishing":
        return Turn([], row["id"])
    return Turn(await chunks.announce_next(connection, row["id"], window))


async def take_number(connection: Connection, pharmacy_id: int) -> int:
    """The pharmacy's next number. The turn must be locked."""
    row = await (await connection.execute(_SQL["take_number"], {"pharmacy_id": pharmacy_id})).fetchone()
    assert row is not None
    return int(row["last_seq"])
