"""Publishing what the database already knows: a failure here is mended by sweep, never told to anyone."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.db.batches.turns import NextWork
from integrahub.domain.errors import Transient
from integrahub.domain.events import (
    BATCHES_FINISHED,
    BATCHES_UPSERTED,
    CHUNKS_FAILED,
    CHUNKS_READY,
    BatchFinished,
    BatchUpserted,
    ChunkFailed,
    ChunkReady,
)

_log = structlog.get_logger()


async def publish(bus: Bus, topic: str, events: Sequence[msgspec.Struct]) -> None:
    """Send events of one topic."""
    if not events:
        return
    try:
        await bus.publish(topic, [msgspec.json.encode(event) for event in events])
    except Transient as error:
        _log.warning(
            "an event was not published; sweep announces again", action="publish", topic=topic, error=str(error)
        )


async def publish_ready(bus: Bus, chunks: Sequence[ChunkReady]) -> None:
    """Publish chunks that a worker may apply."""
    await publish(bus, CHUNKS_READY, chunks)


async def publish_turn(bus: Bus, turn: NextWork) -> None:
    """Announce whatever the pharmacy's next batch needs."""
    await publish_ready(bus, turn.ready)
    if turn.finishing:
        await publish_upserted(bus, turn.finishing)


async def publish_upserted(bus: Bus, batch_id: UUID) -> None:
    """The last chunk of a batch is settled."""
    await publish(bus, BATCHES_UPSERTED, [BatchUpserted(batch_id)])


async def publish_finished(bus: Bus, batch_id: UUID, status: str) -> None:
    """A batch is final."""
    await publish_all_finished(bus, [(batch_id, status)])


async def publish_all_finished(bus: Bus, finished: Iterable[tuple[UUID, str]]) -> None:
    """Batches are final, each with its status."""
    await publish(bus, BATCHES_FINISHED, [BatchFinished(batch_id, status) for batch_id, status in finished])


async def publish_failed(bus: Bus, batch_id: UUID, number: int, error: str) -> None:
    """A chunk is dead."""
    await publish(bus, CHUNKS_FAILED, [ChunkFailed(batch_id, number, error)])
