"""Finish: a batch whose chunks are all settled becomes final, and the next of its pharmacy gets the turn."""

from uuid import UUID

import msgspec

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_turn
from integrahub.db.batches import batch_log
from integrahub.db.batches import finish as finishing
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import BatchUpserted
from integrahub.telemetry import tracing


class Finish:
    """End a batch. Safe to repeat: only one transaction finds it unfinished."""

    def __init__(
        self, database: Database, bus: Bus, *, limit: float, window_minutes: int, window: InFlightLimit
    ) -> None:
        self._database = database
        self._bus = bus
        self._limit = limit
        self._window_minutes = window_minutes
        self._window = window

    async def __call__(self, message: bytes) -> None:
        """Finish the batch a `batches.upserted` names."""
        await self.finish(msgspec.json.decode(message, type=BatchUpserted).batch_id)

    async def finish(self, batch_id: UUID) -> None:
        """Finish one batch, unless somebody else was first."""
        with (
            tracing.bind_trace(batch_id, batch=batch_id, step="finish"),
            tracing.span("finish", batch_id, batch=batch_id),
        ):
            ended = await finishing.finish(
                self._database,
                batch_id,
                limit=self._limit,
                window_minutes=self._window_minutes,
                window=self._window,
            )
            if ended:
                batch_log.log_final(ended.final)
                await publish_finished(self._bus, batch_id, ended.status)
                await publish_turn(self._bus, ended.turn)
