"""Split: a body is read once as a stream, cut into chunks, and proven whole before anything of it may be applied."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.db import batches
from integrahub.db.pool import Database
from integrahub.domain.batches import BatchStatus
from integrahub.domain.chunking import Draft, Presence, Slots, partitions
from integrahub.domain.cutter import Oversize, Run, cutter_for
from integrahub.domain.errors import BodyFault, Transient
from integrahub.domain.events import BatchReceived
from integrahub.domain.failures import cause_of, failure_of
from integrahub.domain.fuses import Fuse
from integrahub.domain.inovafarma import identify_all, record_hash, record_hashes, seed_for
from integrahub.domain.replays import KINDS
from integrahub.domain.retries import RetryPolicy
from integrahub.domain.windows import Window
from integrahub.flow.announcing import publish_finished, publish_ready, publish_turn
from integrahub.flow.leases import Lease
from integrahub.flow.spool import Spool
from integrahub.flow.stored_bodies import decoded
from integrahub.flow.stored_chunks import INLINE, store_chunk
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.telemetry import traces
from integrahub.telemetry.metrics import ERRORS

_BLOCK = 128 * 1024  # bytes a feed of the cutter
_UNREADABLE = 10_000  # records without a readable product id that a body may have; more, when they are not most of it
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SplitLimits:
    """`chunk_size` in records, `max_record` in bytes, `window` in chunks in flight per batch."""

    chunk_size: int = 1000
    max_record: int = 64 * 1024
    window: Window = field(default_factory=Window)


@dataclass(slots=True)
class _Chunk:
    """Where it is kept: an object, or so many bytes of the body, whose first record has the position `first`."""

    location: str
    slots: Slots
    start: int | None = None
    length: int | None = None
    first: int | None = None


class Split:
    """Cut a body into chunks. Safe to repeat: nothing counts until the one transaction that ends it."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        *,
        worker_id: UUID,
        limits: SplitLimits,
        retries: RetryPolicy,
        fuse: Fuse,
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._worker_id = worker_id
        self._limits = limits
        self._retries = retries
        self._fuse = fuse

    async def __call__(self, message: bytes) -> None:
        """Split the batch a `batches.received` names, unless it is done or in other hands."""
        event = msgspec.json.decode(message, type=BatchReceived)
        claim = await batches.claim_split(self._database, event.batch_id, uuid4(), self._worker_id)
        if claim is not None:
            with traces.about(claim["id"], batch=claim["id"], cnpj=event.cnpj, step="split"):
                await self._claimed(claim)

    async def _claimed(self, claim: dict[str, Any]) -> None:
        try:
            with traces.span("split", claim["id"], batch=claim["id"]):
                async with Lease(lambda: batches.renew_split(self._database, claim)):
                    await self._split(claim)
            self._fuse.succeeded()
        except BodyFault as fault:
            await self._fail(claim, fault)
        except ObjectMissing:
            missing = BodyFault("body_missing", 0)
            await self._fail(claim, missing)
        except Exception as error:
            await self._hand_back(claim, error)

    async def _fail(self, claim: dict[str, Any], fault: BodyFault) -> None:
        ERRORS.add("split", fault.code)
        turn = await batches.fail(self._database, claim, fault, self._limits.window)
        if turn:
            await publish_finished(self._bus, claim["id"], BatchStatus.FAILED)
            await publish_turn(self._bus, turn)

    async def _hand_back(self, claim: dict[str, Any], error: Exception) -> None:
        own_fault = not isinstance(error, Transient)
        if own_fault and self._fuse.failed(failure_of(error).fingerprint, claim["id"]):
            _log.error("batch after batch fails for one cause; splitting pauses", action="blow_fuse", cause=str(error))
        ERRORS.add("split", cause_of(error))
        delay = self._retries.decide(claim["attempts"] + 1) if own_fault else 2.0
        if delay is None:
            await self._fail(claim, BodyFault("split_failed", 0, told=type(error).__name__))
            return
        _log.warning("a split failed and will be tried again", action="retry_split", exc_info=error)
        await batches.retry_split(self._database, claim, delay, used=int(own_fault))

    async def _split(self, claim: dict[str, Any]) -> None:
        body = None if claim["body"] is None else bytes(claim["body"])
        work = _Work(claim, self._limits, self._storage, lambda: decoded(self._storage, claim, body))
        await work.cut()
        if work.presence.late:
            await work.gather_late()
        announced = await batches.end_split(
            self._database, claim, work.rows(), work.items, work.unreadable, self._limits.window
        )
        await publish_ready(self._bus, announced)


class _Work:
    """One body being cut."""

    def __init__(
        self,
        claim: dict[str, Any],
        limits: SplitLimits,
        storage: Storage,
        blocks: Callable[[], AsyncIterator[bytes]],
    ) -> None:
        self._claim = claim
        self._limits = limits
        self._storage = storage
        self._blocks = blocks
        self._seed = seed_for(claim["load_type"], claim["time_zone"])
        self._draft = Draft()
        self._chunks: list[_Chunk] = []
        self.presence = Presence()
        self.items = 0
        self.unreadable = 0

    async def cut(self) -> None:
        """Every record into chunks, in order."""
        async for run in self._runs():
            await self._gather(run)
        if self._draft.records:
            await self._close()
        if not self.items:
            raise BodyFault("body_empty", 0)

    async def _gather(self, run: Run) -> None:
        """A run's records into the draft, which closes when it is full."""
        if any(isinstance(record, Oversize) for record in run.records):
            for record in self._records(run):
                self._draft.add(*record)
                if self._draft.is_full(self._limits.chunk_size):
                    await self._close()
            return
        records, ids = [bytes(record) for record in run.records], identify_all(run.records)  # type: ignore[arg-type]
        hashes = record_hashes(records, self._seed)
        start = 0
        while start < len(records):
            end = start + self._limits.chunk_size - len(self._draft.records)
            part = slice(start, end)
            self._draft.extend(self.items + start, run.offsets[part], records[part], ids[part], hashes[part])
            start = end
            if self._draft.is_full(self._limits.chunk_size):
                await self._close()
        self.items += len(records)
        self._count_unreadable(run, ids)

    async def gather_late(self) -> None:
        """A second reading: records of products that straddle chunks go, whole and in order, to late chunks."""
        self.presence.defer(chunk.slots for chunk in self._chunks)
        late = sum(1 for chunk in self._chunks for product_id in chunk.slots.ids if product_id < 0)
        spool = Spool(partitions(late, self._limits.chunk_size), self._limits.chunk_size)
        self.items = self.unreadable = 0
        try:
            async for run in self._runs():
                for record in self._records(run):
                    if record[3] in self.presence.late:
                        spool.add(record)
            for draft in spool.drafts():
                await self._store(draft, Presence().close(draft))
        finally:
            spool.close()

    def rows(self) -> Iterator[dict[str, Any]]:
        """The chunk rows to insert, one by one: as lists their ids take five times the memory."""
        for number, chunk in enumerate(self._chunks):
            yield {
                "batch_id": self._claim["id"],
                "number": number,
                "location": chunk.location,
                "body_start": chunk.start,
                "body_bytes": chunk.length,
                "first_position": chunk.first,
                "records": chunk.slots.records(),
                "ids": _array(chunk.slots.ids),
                "hashes": _array(self._hashes(chunk.slots)),
            }

    def _hashes(self, slots: Slots) -> Iterable[int]:
        # A replayed product may have gone on since: its stored hash says nothing of this record.
        return [0] * len(slots.hashes) if self._claim["kind"] in KINDS else slots.hashes

    async def _runs(self) -> AsyncIterator[Run]:
        cutter = cutter_for(self._claim["media_type"], self._limits.max_record)
        async for block in self._blocks():
            for start in range(0, len(block), _BLOCK):
                yield cutter.feed(block[start : start + _BLOCK])
                await asyncio.sleep(0)  # small bodies are split between blocks of large ones
        yield cutter.close()

    def _records(self, run: Run) -> list[tuple[int, int, bytes, int, int, int]]:
        ids = identify_all(run.records)
        found = []
        for record, offset, product_id in zip(run.records, run.offsets, ids, strict=True):
            if isinstance(record, Oversize):
                found.append((self.items, offset, record.prefix, product_id, 0, record.length))
            else:
                raw = bytes(record)
                digest = record_hash(raw, self._seed) if product_id else 0
                found.append((self.items, offset, raw, product_id, digest, len(raw)))
            self.items += 1
        self._count_unreadable(run, ids)
        return found

    def _count_unreadable(self, run: Run, ids: list[int]) -> None:
        self.unreadable += ids.count(0)
        if self.unreadable > max(_UNREADABLE, self.items // 2):
            raise BodyFault(
                "body_no_catalogue", run.offsets[ids.index(0)], unreadable=self.unreadable, items=self.items
            )

    async def _close(self) -> None:
        draft, self._draft = self._draft, Draft()
        slots = self.presence.close(draft)
        if self._is_sliced and not draft.oversize:
            start, length = draft.extent()
            place = self._claim["location"] or INLINE
            self._chunks.append(_Chunk(place, slots, start, length, draft.positions[0]))
        else:
            await self._store(draft, slots)

    @property
    def _is_sliced(self) -> bool:
        """Whether parts of the body can be read by themselves: nothing is stored twice then."""
        return self._claim["body"] is not None or not self._claim["encoding"]

    async def _store(self, draft: Draft, slots: Slots) -> None:
        claim = self._claim
        token: UUID = claim["claim_token"]
        location = f"chunks/{claim['cnpj']}/{claim['id']}/{len(self._chunks):06d}-{token.hex[:8]}"
        await store_chunk(self._storage, location, draft.payload())
        self._chunks.append(_Chunk(location, slots))


def _array(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL's text of an array, which is written faster than a list is adapted."""
    return "{" + ",".join(map(str, numbers)) + "}"
