"""Bulk operations: replays of many dead letters, at a rate, by the periodic worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_next_work
from integrahub.db.batches import replays
from integrahub.db.chunks import bulk_operations, dead_letters
from integrahub.db.chunks.bulk_operations import NewOperation
from integrahub.db.chunks.rows import DeadLetterFilters, UnresolvedLetter
from integrahub.db.database import Database
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BadRequest, Conflict, IntegraHubError, NotFound
from integrahub.domain.replays import MAX_LETTERS
from integrahub.operations.replay_checks import CheckedLetters, RefusedReplay, ReplayChecks

RUN_SECONDS = 1.0
# Shorter than the interval, so that a run that begins a little early finds the operations due.
_CLAIM_SECONDS = 0.9 * RUN_SECONDS
_log = structlog.get_logger()


class StartedReplay(msgspec.Struct, frozen=True):
    """Number of dead letters that an operation will replay, its id if there is one, and the refused batches."""

    operation_id: UUID | None
    asked: int
    refused: list[RefusedReplay]


@dataclass(frozen=True, slots=True)
class BulkPace:
    """Letters per second that all operations together replay, and the limit on work in flight."""

    rate: int
    in_flight: InFlightLimit


class BulkReplays:
    """Start, stop and run replays of many dead letters.

    A run queues chunks of dead letters in the transaction that settles the letters and counts them, so a worker killed
    at any moment replays none twice. A dead message may be published twice; steps ignore work that is done.
    """

    def __init__(self, database: Database, bus: Bus, checks: ReplayChecks, pace: BulkPace) -> None:
        self._database = database
        self._bus = bus
        self._checks = checks
        self._pace = pace

    async def start_checked(self, actor: str, filters: DeadLetterFilters, limit: int) -> StartedReplay:
        """Check up to `limit` open dead letters, oldest first, and start the replay of those that can be replayed."""
        checked = await self.check(filters, limit)
        refusals = {code: len(ids) for code, ids in checked.refused_ids.items()}
        selection = DeadLetterFilters(ids=[letter.id for letter in checked.accepted])
        new = NewOperation(actor, filters, refusals)
        started = await bulk_operations.start(self._database, new, selection, limit)
        operation_id, asked = started or (None, 0)
        return StartedReplay(operation_id, asked, checked.refused)

    async def start(self, actor: str, filters: DeadLetterFilters) -> StartedReplay:
        """Start the replay of all open dead letters that a filter finds, at most `MAX_LETTERS`, oldest first.

        The run refuses those that cannot be replayed. Raise BadRequest for an empty filter, Conflict if none is open.
        """
        if filters == DeadLetterFilters():
            raise BadRequest("filter_missing")
        started = await bulk_operations.start(self._database, NewOperation(actor, filters), filters, MAX_LETTERS)
        if started is None:
            raise Conflict("replay_nothing_open")
        return StartedReplay(*started, [])

    async def check(self, filters: DeadLetterFilters, limit: int) -> CheckedLetters:
        """Return which of the oldest open dead letters that a filter finds can be replayed."""
        return await self._checks.check_letters(await dead_letters.list_unresolved(self._database, filters, limit))

    async def stop(self, operation_id: UUID, actor: str) -> int:
        """Stop an operation; return the number of letters it leaves open. Raise Conflict if it has ended."""
        released = await bulk_operations.stop(self._database, operation_id, actor)
        if released is None:
            if await bulk_operations.find(self._database, operation_id) is None:
                raise NotFound("bulk_operation_not_found", operation_id=operation_id)
            raise Conflict("bulk_operation_ended")
        return released

    async def __call__(self) -> None:
        """Run once: replay the next letters of every running operation, which share the rate."""
        operations = await bulk_operations.claim_due(self._database, _CLAIM_SECONDS, self._pace.rate)
        for operation_id in operations:
            try:
                await self._advance(operation_id, max(1, self._pace.rate // len(operations)))
            except IntegraHubError as error:
                _log.warning(
                    "bulk operation failed, retrying", action="bulk", operation=str(operation_id), error=str(error)
                )

    async def _advance(self, operation_id: UUID, share: int) -> None:
        letters = await bulk_operations.list_letters(self._database, operation_id, share)
        checked = await self._checks.check_letters(letters)
        for code, ids in checked.refused_ids.items():
            await bulk_operations.refuse(self._database, operation_id, ids, code)
        await self._queue_chunks(operation_id, checked.accepted)
        await self._publish_again(operation_id, checked.accepted)
        if await bulk_operations.complete(self._database, operation_id):
            _log.info("bulk operation done", action="bulk", operation=str(operation_id))

    async def _queue_chunks(self, operation_id: UUID, letters: Sequence[UnresolvedLetter]) -> None:
        by_batch: dict[UUID, list[int]] = {}
        for letter in letters:
            if letter.batch_id:
                by_batch.setdefault(letter.batch_id, []).append(letter.id)
        for batch_id, ids in by_batch.items():
            work = await replays.queue_chunk_replay(self._database, batch_id, ids, operation_id, self._pace.in_flight)
            if work:
                await publish_next_work(self._bus, work)

    async def _publish_again(self, operation_id: UUID, letters: Sequence[UnresolvedLetter]) -> None:
        for letter in letters:
            if letter.topic:
                await self._bus.publish(letter.topic, [letter.body or b""])
                await bulk_operations.resolve_message(self._database, operation_id, letter.id)
