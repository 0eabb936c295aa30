"""Checks before a replay: are all records still stored that it needs."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from integrahub.db.batches import replays, split_claims
from integrahub.db.batches.rows import Batch
from integrahub.db.chunks.rows import UnresolvedLetter
from integrahub.db.database import Database
from integrahub.domain.errors import Conflict, NotFound, Problem
from integrahub.domain.messages.catalog import render_message
from integrahub.storage.base import Storage
from integrahub.storage.bodies import is_stored
from integrahub.storage.chunks import BODY_LOCATION


class RefusedReplay(msgspec.Struct, frozen=True):
    """A batch whose chunks cannot be replayed, with the reason."""

    batch_id: UUID
    code: str
    message_pt: str
    message_en: str


class CheckedLetters(msgspec.Struct, frozen=True):
    """Dead letters that can be replayed, the refusals of the others, and their ids by the code of the reason."""

    accepted: list[UnresolvedLetter]
    refused: list[RefusedReplay]
    refused_ids: dict[str, list[int]]


class ReplayChecks:
    """Check that a replay cannot undo a later batch whose records are no longer stored, and has its own records."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def check_letters(self, letters: Sequence[UnresolvedLetter]) -> CheckedLetters:
        """Divide dead letters into those that can be replayed and the others. Messages always can."""
        batch_ids = {letter.batch_id for letter in letters if letter.batch_id}
        refusals = {batch_id: refusal for batch_id in batch_ids if (refusal := await self._refusal(batch_id))}
        checked = CheckedLetters([], list(refusals.values()), {})
        for letter in letters:
            refusal = refusals.get(letter.batch_id) if letter.batch_id else None
            if letter.batch_id and not refusal and await self._is_lost(letter, letter.batch_id):
                problem = Conflict("replay_records_expired", batch_id=letter.batch_id, chunk=letter.chunk)
                refusal = _to_refusal(problem, letter.batch_id)
                checked.refused.append(refusal)
            if refusal:
                checked.refused_ids.setdefault(refusal.code, []).append(letter.id)
            else:
                checked.accepted.append(letter)
        return checked

    async def find(self, batch_id: UUID) -> Batch:
        """Return a batch. Raise NotFound if it does not exist."""
        async with self._database.transaction() as connection:
            batch = await split_claims.find(connection, batch_id)
        if batch is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        return batch

    async def check_later(self, batch: Batch) -> None:
        """Raise Conflict if the records of a later DELTA with the same products are no longer stored."""
        for needed in await replays.needed_bodies(self._database, batch):
            chunk, body = needed.location, needed.body_location
            has_records = await is_stored(self._storage, chunk) or await is_stored(self._storage, body)
            if not has_records:
                raise Conflict("replay_later_expired", {"batch_id": str(needed.batch_id)}, batch_id=needed.batch_id)

    async def _refusal(self, batch_id: UUID) -> RefusedReplay | None:
        """Return why chunks of a batch cannot be replayed; None if they can."""
        try:
            await self.check_later(await self.find(batch_id))
        except Problem as problem:
            return _to_refusal(problem, batch_id)
        return None

    async def _is_lost(self, letter: UnresolvedLetter, batch_id: UUID) -> bool:
        """Return whether the records of a failed chunk are no longer stored."""
        if letter.location == BODY_LOCATION:
            return not (await self.find(batch_id)).has_body
        return not await is_stored(self._storage, letter.location)


def _to_refusal(problem: Problem, batch_id: UUID) -> RefusedReplay:
    message = render_message(problem.code, problem.facts)
    return RefusedReplay(batch_id, problem.code, message.pt, message.en)
