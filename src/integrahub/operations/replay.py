"""Replay of batches and dead letters in their old place in the pharmacy's order. Later batches keep what they wrote."""

from uuid import UUID

import msgspec

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish
from integrahub.db.batches import replays, split_claims
from integrahub.db.batches.rows import Batch, QueuedReplay
from integrahub.db.chunks import dead_letters
from integrahub.db.chunks.rows import DeadLetterFilters, UnresolvedLetter
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import Conflict, NotFound, Problem
from integrahub.domain.events import BATCHES_RECEIVED, BatchReceived
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.replays import KINDS
from integrahub.storage.base import Storage
from integrahub.storage.bodies import is_stored
from integrahub.storage.chunks import BODY_LOCATION


class RefusedReplay(msgspec.Struct, frozen=True):
    """A batch whose chunks cannot be replayed, with the reason."""

    batch_id: UUID
    code: str
    message_pt: str
    message_en: str


class ReplayResult(msgspec.Struct, frozen=True):
    """Number of dead letters whose replay was requested, and the refused batches."""

    asked: int
    refused: list[RefusedReplay]


class Replay:
    """Queues replays. Refuses a replay if it could undo a later batch whose records are no longer stored."""

    def __init__(self, database: Database, storage: Storage, bus: Bus) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus

    async def replay_batch(self, batch_id: UUID) -> QueuedReplay:
        """Queue a replay of a final batch and return it. Raise Conflict with the reason if it cannot be replayed."""
        batch = await self._origin(batch_id)
        if not batch.has_body and not await is_stored(self._storage, batch.location):
            raise Conflict("replay_body_expired", batch_id=batch.id)
        await self._check_later(batch)
        queued = await replays.queue_batch(self._database, batch.id)
        event = BatchReceived(queued.id, queued.cnpj, queued.load_type, queued.received_at)
        await publish(self._bus, BATCHES_RECEIVED, [event])
        return queued

    async def replay_dead_letters(self, filters: DeadLetterFilters, limit: int) -> ReplayResult:
        """Request the replay of up to `limit` open dead letters, oldest first.

        The sweep replays chunks at its own rate. Messages are published again at once.
        """
        letters = await dead_letters.list_unresolved(self._database, filters, limit)
        batches_of_chunks = {letter.batch_id for letter in letters if letter.batch_id}
        refused = [refusal for batch_id in batches_of_chunks if (refusal := await self._refusal(batch_id))]
        refused_batches = {refusal.batch_id for refusal in refused}
        accepted = []
        for letter in letters:
            if letter.batch_id is None or letter.batch_id in refused_batches:
                continue
            if await self._is_lost(letter, letter.batch_id):
                problem = Conflict("replay_records_expired", batch_id=letter.batch_id, chunk=letter.chunk)
                refused.append(_to_refusal(problem, letter.batch_id))
            else:
                accepted.append(letter.id)
        await dead_letters.request_replay(self._database, accepted)
        return ReplayResult(len(accepted) + await self._publish_again(letters), refused)

    async def _publish_again(self, letters: list[UnresolvedLetter]) -> int:
        """Publish dead messages again and settle their letters; return the number of messages."""
        count = 0
        for letter in letters:
            if letter.topic:
                await self._bus.publish(letter.topic, [letter.body or b""])
                await dead_letters.resolve(self._database, letter.id)
                count += 1
        return count

    async def _refusal(self, batch_id: UUID) -> RefusedReplay | None:
        """Return why chunks of a batch cannot be replayed; None if they can."""
        try:
            batch = await self._find(batch_id)
            await self._check_later(batch)
        except Problem as problem:
            return _to_refusal(problem, batch_id)
        return None

    async def _is_lost(self, letter: UnresolvedLetter, batch_id: UUID) -> bool:
        """Return whether the records of a failed chunk are no longer stored."""
        if letter.location == BODY_LOCATION:
            return not (await self._find(batch_id)).has_body
        return not await is_stored(self._storage, letter.location)

    async def _find(self, batch_id: UUID) -> Batch:
        """Return a batch. Raise NotFound if it does not exist."""
        async with self._database.transaction() as connection:
            batch = await split_claims.find(connection, batch_id)
        if batch is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        return batch

    async def _origin(self, batch_id: UUID) -> Batch:
        """Return the load itself, also for the id of one of its replays."""
        batch = await self._find(batch_id)
        if batch.kind in KINDS and batch.parent_id:
            batch = await self._find(batch.parent_id)
        if batch.kind is not BatchKind.LOAD:
            raise Conflict("replay_not_a_load", batch_id=batch_id)
        return batch

    async def _check_later(self, batch: Batch) -> None:
        """Raise Conflict if the records of a later DELTA with the same products are no longer stored."""
        for needed in await replays.needed_bodies(self._database, batch):
            chunk, body = needed.location, needed.body_location
            has_records = await is_stored(self._storage, chunk) or await is_stored(self._storage, body)
            if not has_records:
                raise Conflict("replay_later_expired", {"batch_id": str(needed.batch_id)}, batch_id=needed.batch_id)


def _to_refusal(problem: Problem, batch_id: UUID) -> RefusedReplay:
    message = render_message(problem.code, problem.facts)
    return RefusedReplay(batch_id, problem.code, message.pt, message.en)
