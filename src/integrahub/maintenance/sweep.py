"""Sweep: whatever was announced and not done is found in the database and announced again."""

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish, publish_failed, publish_next_work, publish_ready, publish_upserted
from integrahub.db.batches import decisions as operations
from integrahub.db.batches import replays
from integrahub.db.batches import split_claims as batches
from integrahub.db.chunks import claims as chunks
from integrahub.db.chunks import dead_letters
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import BATCHES_RECEIVED, BATCHES_UPSERTED, CHUNKS_READY, BatchReceived

_QUEUED = 30.0  # seconds until an announcement that may still be queued is doubted
_RENEWED = 15.0  # seconds after a failure of PostgreSQL within which every living worker renews its leases
_LOST = 3.0  # the same when no message of the topic waits


class Sweep:
    """Mend what the bus lost and what the dead left behind. Several may run at once."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        window: InFlightLimit,
        window_minutes: int,
        crashes: int,
        replay_rate: int,
    ) -> None:
        self._database = database
        self._bus = bus
        self._window = window
        self._window_minutes = window_minutes
        self._crashes = crashes
        self._replay_rate = replay_rate

    async def __call__(self) -> None:
        """One round."""
        if await self._leases_count():
            for batch_id in await chunks.release_expired(self._database, self._crashes):
                await publish_upserted(self._bus, batch_id)
        await self._splits()
        again = await self._doubt(CHUNKS_READY)
        await publish_ready(self._bus, await chunks.dispatch_due(self._database, again, self._window))
        again = await self._doubt(BATCHES_UPSERTED)
        for batch_id in await batches.due_finishes(self._database, again):
            await publish_upserted(self._bus, batch_id)
        for turn in await operations.close_windows(self._database, self._window_minutes, self._window):
            await publish_next_work(self._bus, turn)
        for turn in await replays.release_requested(self._database, self._replay_rate, self._window):
            await publish_next_work(self._bus, turn)
        for letter in await dead_letters.list_ungrouped(self._database):
            await publish_failed(self._bus, letter.batch_id, letter.chunk, letter.message)

    async def _leases_count(self) -> bool:
        """Tell whether an expired lease means that its worker is gone.

        Nobody can renew while PostgreSQL is frozen or away. Those who live get the time to do so after.
        """
        await self._database.check()
        return self._database.breaker.seconds_since_failure() > _RENEWED

    async def _splits(self) -> None:
        due = await batches.due_splits(self._database, await self._doubt(BATCHES_RECEIVED))
        events = [BatchReceived(batch.id, batch.cnpj, batch.load_type, batch.received_at) for batch in due]
        await publish(self._bus, BATCHES_RECEIVED, list(events))

    async def _doubt(self, topic: str) -> float:
        """What can no longer be queued is announced again soon; the rest at doubling intervals."""
        return _LOST if await self._bus.lag(topic) == 0 else _QUEUED
