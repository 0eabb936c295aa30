"""Finds work that was dispatched and not done, and dispatches it again."""

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish, publish_failed, publish_next_work, publish_ready, publish_upserted
from integrahub.db.batches import decisions, split_claims
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.chunks import dead_letters
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import BATCHES_RECEIVED, BATCHES_UPSERTED, CHUNKS_READY, BatchReceived

# Base of the delay until an event is sent again, doubled with each dispatch up to 10 minutes: while its topic has a
# backlog, and while it has none, so that the event must be lost.
_REDISPATCH_QUEUED_SECONDS = 30.0
_REDISPATCH_LOST_SECONDS = 3.0
_RENEWAL_GRACE_SECONDS = 15.0  # after a failure of PostgreSQL; live workers renew their leases in this time


class Sweep:
    """Dispatch what the bus lost, and release claims of lost workers. Several processes may run it at once."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        window: InFlightLimit,
        window_minutes: int,
        crashes: int,
    ) -> None:
        self._database = database
        self._bus = bus
        self._window = window
        self._window_minutes = window_minutes
        self._crashes = crashes

    async def __call__(self) -> None:
        """Run once."""
        if await self._can_trust_leases():
            for batch_id in await chunk_claims.release_expired(self._database, self._crashes):
                await publish_upserted(self._bus, batch_id)
        await self._dispatch_splits()
        after = await self._redispatch_after(CHUNKS_READY)
        await publish_ready(self._bus, await chunk_claims.dispatch_due(self._database, after, self._window))
        after = await self._redispatch_after(BATCHES_UPSERTED)
        for batch_id in await split_claims.due_finishes(self._database, after):
            await publish_upserted(self._bus, batch_id)
        for turn in await decisions.close_windows(self._database, self._window_minutes, self._window):
            await publish_next_work(self._bus, turn)
        for letter in await dead_letters.list_ungrouped(self._database):
            await publish_failed(self._bus, letter.batch_id, letter.chunk, letter.message)

    async def _can_trust_leases(self) -> bool:
        """Return True if an expired lease means that its worker is lost.

        While PostgreSQL is unavailable, no worker can renew a lease. Afterwards live workers get time to renew.
        """
        await self._database.check()
        return self._database.breaker.seconds_since_failure() > _RENEWAL_GRACE_SECONDS

    async def _dispatch_splits(self) -> None:
        due = await split_claims.due_splits(self._database, await self._redispatch_after(BATCHES_RECEIVED))
        events = [BatchReceived(batch.id, batch.cnpj, batch.load_type, batch.received_at) for batch in due]
        await publish(self._bus, BATCHES_RECEIVED, list(events))

    async def _redispatch_after(self, topic: str) -> float:
        """Return the seconds until an event of the topic is sent again; the database doubles them with each time."""
        return _REDISPATCH_LOST_SECONDS if await self._bus.lag(topic) == 0 else _REDISPATCH_QUEUED_SECONDS
