"""Decide: what a person orders done to a batch - its held deactivation, or its end."""

from uuid import UUID

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_next_work
from integrahub.db.batches import batch_log
from integrahub.db.batches import decisions as operations
from integrahub.db.batches import finish as finishing
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.batches.rows import BatchTotals
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit


class BatchDecisions:
    """Each verb says whether there was anything to decide. `window`: chunks of a batch in flight."""

    def __init__(self, database: Database, bus: Bus, *, policy: DeactivationPolicy, window: InFlightLimit) -> None:
        self._database = database
        self._bus = bus
        self._policy = policy
        self._window = window

    async def approve(self, batch_id: UUID) -> bool:
        """Deactivate what the held FULL no longer has, in the pharmacy's order."""
        turn = await operations.approve(self._database, batch_id, self._window)
        if turn:
            batch_log.log_decision(batch_id, "approved")
            await publish_next_work(self._bus, turn)
        return turn is not None

    async def reject(self, batch_id: UUID) -> bool:
        """Leave everything active."""
        rejected = await operations.reject(self._database, batch_id)
        if rejected:
            batch_log.log_decision(batch_id, "rejected")
        return rejected

    async def cancel(self, batch_id: UUID) -> BatchTotals | None:
        """Stop the batch: what has been applied stands, and is told by counter; None when it is final already."""
        ended = await finishing.cancel(self._database, batch_id, self._policy, self._window)
        if ended:
            batch_log.log_final(ended.final)
            await publish_finished(self._bus, batch_id, ended.final.status)
            await publish_next_work(self._bus, ended.next_work)
        return ended.totals if ended else None
