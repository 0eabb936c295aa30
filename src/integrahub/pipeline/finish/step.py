"""Finish step: make a batch final and grant the turn to the next batch of its pharmacy."""

from uuid import UUID

import msgspec

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_next_work
from integrahub.db.batches import batch_log, finish
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import BatchUpserted
from integrahub.telemetry import tracing


class Finish:
    """Finish a batch. This can be repeated: only one transaction finds the batch unfinished."""

    def __init__(self, database: Database, bus: Bus, *, policy: DeactivationPolicy, in_flight: InFlightLimit) -> None:
        self._database = database
        self._bus = bus
        self._policy = policy
        self._in_flight = in_flight

    async def __call__(self, message: bytes) -> None:
        """Finish the batch of a `batches.upserted` event."""
        await self.finish(msgspec.json.decode(message, type=BatchUpserted).batch_id)

    async def finish(self, batch_id: UUID) -> None:
        """Finish one batch, unless another worker has finished it."""
        with (
            tracing.bind_trace(batch_id, batch=batch_id, step="finish"),
            tracing.span("finish", batch_id, batch=batch_id),
        ):
            result = await finish.finish(self._database, batch_id, self._policy, self._in_flight)
            if result:
                batch_log.log_final(result.final)
                if result.final.has_deliveries:
                    await publish_finished(self._bus, batch_id, result.final.status)
                await publish_next_work(self._bus, result.next_work)
