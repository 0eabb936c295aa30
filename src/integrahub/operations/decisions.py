"""Decisions of an operator about a batch: approve or reject a held deactivation, cancel the batch."""

from uuid import UUID

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_next_work
from integrahub.db.batches import batch_log, decisions, finish
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.batches.rows import BatchTotals
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit


class BatchDecisions:
    """Carries out an operator's decisions. Each method publishes the work that the decision makes possible."""

    def __init__(self, database: Database, bus: Bus, *, policy: DeactivationPolicy, in_flight: InFlightLimit) -> None:
        self._database = database
        self._bus = bus
        self._policy = policy
        self._in_flight = in_flight

    async def approve(self, batch_id: UUID) -> bool:
        """Queue the held deactivation of a FULL in the pharmacy's order. Return False if none is held."""
        next_work = await decisions.approve(self._database, batch_id, self._in_flight)
        if next_work:
            batch_log.log_decision(batch_id, "approved")
            await publish_next_work(self._bus, next_work)
        return next_work is not None

    async def reject(self, batch_id: UUID) -> bool:
        """Reject the held deactivation of a FULL; all products stay active. Return False if none is held."""
        rejected = await decisions.reject(self._database, batch_id)
        if rejected:
            batch_log.log_decision(batch_id, "rejected")
        return rejected

    async def cancel(self, batch_id: UUID) -> BatchTotals | None:
        """Cancel a batch; chunks that are applied stay applied. Return its totals, or None if it is final already."""
        result = await finish.cancel(self._database, batch_id, self._policy, self._in_flight)
        if result is None:
            return None
        batch_log.log_final(result.final)
        if result.final.has_deliveries:
            await publish_finished(self._bus, batch_id, result.final.status)
        await publish_next_work(self._bus, result.next_work)
        return result.totals
