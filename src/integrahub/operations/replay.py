"""Replay of a batch in its old place in the pharmacy's order. Later batches keep what they wrote."""

from uuid import UUID

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish
from integrahub.db.batches import replays
from integrahub.db.batches.rows import Batch, QueuedReplay
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import Conflict
from integrahub.domain.events import BATCHES_RECEIVED, BatchReceived
from integrahub.domain.replays import KINDS
from integrahub.operations.replay_checks import ReplayChecks
from integrahub.storage.base import Storage
from integrahub.storage.bodies import is_stored


class Replay:
    """Queues replays. Refuses a replay if it could undo a later batch whose records are no longer stored."""

    def __init__(self, database: Database, storage: Storage, bus: Bus) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._checks = ReplayChecks(database, storage)

    async def replay_batch(self, batch_id: UUID) -> QueuedReplay:
        """Queue a replay of a final batch and return it. Raise Conflict with the reason if it cannot be replayed."""
        batch = await self.check(batch_id)
        queued = await replays.queue_batch(self._database, batch.id)
        event = BatchReceived(queued.id, queued.cnpj, queued.load_type, queued.received_at)
        await publish(self._bus, BATCHES_RECEIVED, [event])
        return queued

    async def check(self, batch_id: UUID) -> Batch:
        """Return the load that a replay of a batch would apply again. Raise Conflict with the reason if it cannot be.

        The replay itself may still be refused: the batch is not final, or another replay of it is queued.
        """
        batch = await self._origin(batch_id)
        if not batch.has_body and not await is_stored(self._storage, batch.location):
            raise Conflict("replay_body_expired", batch_id=batch.id)
        await self._checks.check_later(batch)
        return batch

    async def _origin(self, batch_id: UUID) -> Batch:
        """Return the load itself, also for the id of one of its replays."""
        batch = await self._checks.find(batch_id)
        if batch.kind in KINDS and batch.parent_id:
            batch = await self._checks.find(batch.parent_id)
        if batch.kind is not BatchKind.LOAD:
            raise Conflict("replay_not_a_load", batch_id=batch_id)
        return batch
