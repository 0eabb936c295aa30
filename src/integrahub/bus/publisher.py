"""Publish typed events after their transaction is committed. The sweep publishes again what fails here."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
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
    NextWork,
)

_log = structlog.get_logger()


async def publish(bus: Bus, topic: str, events: Sequence[msgspec.Struct]) -> None:
    """Send events of one topic; log a failure instead of raising it."""
    if not events:
        return
    try:
        await bus.publish(topic, [msgspec.json.encode(event) for event in events])
    except Transient as error:
        _log.warning("publish failed, the sweep will retry", action="publish", topic=topic, error=str(error))


async def publish_ready(bus: Bus, chunks: Sequence[ChunkReady]) -> None:
    """Publish chunks that a worker may apply."""
    await publish(bus, CHUNKS_READY, chunks)


async def publish_next_work(bus: Bus, work: NextWork) -> None:
    """Publish the chunks of the pharmacy's next batch, or the end of that batch if it has no chunks left."""
    await publish_ready(bus, work.ready)
    if work.finishing:
        await publish_upserted(bus, work.finishing)


async def publish_upserted(bus: Bus, batch_id: UUID) -> None:
    """Publish that the last chunk of a batch is done."""
    await publish(bus, BATCHES_UPSERTED, [BatchUpserted(batch_id)])


async def publish_finished(bus: Bus, batch_id: UUID, status: str) -> None:
    """Publish that a batch reached its final status and webhooks about it are due."""
    await publish_all_finished(bus, [(batch_id, status)])


async def publish_all_finished(bus: Bus, finished: Iterable[tuple[UUID, str]]) -> None:
    """Publish the final statuses of batches about which webhooks are due."""
    await publish(bus, BATCHES_FINISHED, [BatchFinished(batch_id, status) for batch_id, status in finished])


async def publish_failed(bus: Bus, batch_id: UUID, number: int, error: str) -> None:
    """Publish that a chunk became a dead letter."""
    await publish(bus, CHUNKS_FAILED, [ChunkFailed(batch_id, number, error)])
