"""Replay: a batch, or chunks that died, applied again in the place they had, never over what later batches said."""

from typing import Any
from uuid import UUID

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish
from integrahub.db.batches import replays
from integrahub.db.batches import split_claims as batches
from integrahub.db.chunks import dead_letters
from integrahub.db.database import Database
from integrahub.domain.errors import Conflict, NotFound, Problem
from integrahub.domain.events import BATCHES_RECEIVED, BatchReceived
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.replays import KINDS
from integrahub.storage.base import Storage
from integrahub.storage.bodies import is_kept
from integrahub.storage.chunks import BODY_LOCATION

Row = dict[str, Any]


class Replay:
    """Each verb refuses, as a Conflict that says why, what could not come out right."""

    def __init__(self, database: Database, storage: Storage, bus: Bus) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus

    async def replay_batch(self, batch_id: UUID) -> Row:
        """Queue a final batch to be applied again: the new batch."""
        batch = await self._origin(batch_id)
        if batch["body"] is None and not await is_kept(self._storage, batch["location"]):
            raise Conflict("replay_body_expired", batch_id=batch["id"])
        await self._check_later(batch)
        queued = await replays.queue_batch(self._database, batch["id"])
        event = BatchReceived(queued["id"], queued["cnpj"], queued["load_type"], queued["received_at"])
        await publish(self._bus, BATCHES_RECEIVED, [event])
        return queued

    async def replay_dead_letters(self, wanted: Row) -> Row:
        """Ask for the letters of a filter to be applied again: how many were, and the batches refused, with why.

        Chunks are released by sweep at its rate; messages are sent again at once.
        """
        found = await dead_letters.list_unresolved(self._database, wanted)
        refused = [
            told for batch in {row["batch_id"] for row in found} if batch and (told := await self._refusal(batch))
        ]
        gone = {told["batch_id"] for told in refused}
        lost = [row for row in found if row["batch_id"] not in gone and await self._is_lost(row)]
        refused += [_refused(Conflict("replay_records_expired", **_place(row)), row["batch_id"]) for row in lost]
        kept = [row for row in found if row["batch_id"] not in gone and row not in lost]
        asked = [row["id"] for row in kept if row["batch_id"]]
        await dead_letters.request_replay(self._database, asked)
        messages = [row for row in found if row["topic"]]
        for row in messages:
            await self._bus.publish(row["topic"], [bytes(row["body"])])
            await dead_letters.resolve(self._database, row["id"])
        return {"asked": len(asked) + len(messages), "refused": refused}

    async def _refusal(self, batch_id: UUID) -> Row | None:
        try:
            batch = await self._find(batch_id)
            await self._check_later(batch)
        except Problem as problem:
            return _refused(problem, batch_id)
        return None

    async def _is_lost(self, letter: Row) -> bool:
        """Return whether the records of a chunk's letter are no longer kept."""
        if not letter["batch_id"]:
            return False
        if letter["location"] == BODY_LOCATION:
            return (await self._find(letter["batch_id"]))["body"] is None
        return not await is_kept(self._storage, letter["location"])

    async def _find(self, batch_id: UUID) -> Row:
        async with self._database.transaction() as connection:
            batch = await batches.find(connection, batch_id)
        if batch is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        return batch

    async def _origin(self, batch_id: UUID) -> Row:
        """The load itself, also when asked for by one of its replays."""
        batch = await self._find(batch_id)
        if batch["kind"] in KINDS:
            batch = await self._find(batch["parent_id"])
        if batch["kind"] != "load":
            raise Conflict("replay_not_a_load", batch_id=batch_id)
        return batch

    async def _check_later(self, batch: Row) -> None:
        for needed in await replays.needed_bodies(self._database, batch):
            kept = await is_kept(self._storage, needed["location"]) or await is_kept(
                self._storage, needed["body_location"]
            )
            if not kept:
                raise Conflict(
                    "replay_later_expired", {"batch_id": str(needed["batch_id"])}, batch_id=needed["batch_id"]
                )


def _refused(problem: Problem, batch_id: UUID) -> Row:
    told = render_message(problem.code, problem.facts)
    return {"batch_id": batch_id, "code": problem.code, "message_pt": told.pt, "message_en": told.en}


def _place(letter: Row) -> Row:
    return {"batch_id": letter["batch_id"], "chunk": letter["chunk"]}
