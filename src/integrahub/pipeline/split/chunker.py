"""A body being cut: records gather into chunks, and those that say nothing new are settled on the way."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from integrahub.db.arrays import BigintArray
from integrahub.db.chunks.rows import NewChunk
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import ChunkIndex, SeenProducts, count_partitions
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords, create_reader
from integrahub.domain.replays import KINDS
from integrahub.pipeline.split.staged_chunks import ChunkPlan, SlotFile
from integrahub.pipeline.split.unchanged_filter import DiffResult, UnchangedFilter
from integrahub.storage.base import Storage
from integrahub.storage.chunks import BODY_LOCATION, store_chunk
from integrahub.storage.spill import SpillPartitions

_BLOCK_BYTES = 128 * 1024  # bytes a feed of the reader
_MAX_UNREADABLE = 10_000  # records without a readable product id that are too many once they are most of a body


@dataclass(frozen=True, slots=True)
class SplitLimits:
    """`chunk_size` in records, `max_record` in bytes, `window` in chunks in flight per batch."""

    chunk_size: int = 1000
    max_record: int = 64 * 1024
    window: InFlightLimit = field(default_factory=InFlightLimit)


class Chunker:
    """Cut one body into chunks, in bounded memory. Without a filter every chunk is left to be applied."""

    def __init__(
        self,
        claim: dict[str, Any],
        limits: SplitLimits,
        storage: Storage,
        blocks: Callable[[], AsyncIterator[bytes]],
        unchanged_filter: UnchangedFilter[ChunkPlan] | None,
        dialect: RecordIdentifier,
    ) -> None:
        self._claim = claim
        self._limits = limits
        self._storage = storage
        self._blocks = blocks
        self._filter = unchanged_filter
        self._dialect = dialect
        self._seed = dialect.derive_seed(claim["load_type"], claim["time_zone"])
        self._builder = ChunkBuilder()
        self._seen = SeenProducts()
        self._slots = SlotFile()
        self._object_count = 0
        self._is_read = False
        self._changed = ChunkBuilder()  # records that differ, taken out of chunks that are settled for the rest
        self._changed_keys = BitMap()
        self._changed_chunks: list[ChunkPlan] = []
        self.chunks: list[ChunkPlan] = []
        self.items = 0
        self.unreadable = 0

    async def run(self) -> None:
        """Every record into chunks, in order. BodyFault when the body is not what it claims to be."""
        async for run in self._runs():
            await self._add(run)
        self._is_read = True
        if self._builder.records:
            await self._close_chunk()
        if not self.items:
            raise BodyError("body_empty", 0)
        await self._settle_unchanged(await self._filter.drain() if self._filter else [])
        if self._seen.straddling:
            await self._store_straddling()
            return
        if self._changed.records:
            await self._close_changed()
        self.chunks += self._changed_chunks

    def close(self) -> None:
        """Remove what was kept on the way."""
        self._slots.close()

    async def _add(self, run: RawRecords) -> None:
        """A run's records into the draft, which closes when it is full."""
        if any(isinstance(record, OversizeRecord) for record in run.records):
            for record in self._records(run):
                self._builder.add(*record)
                if self._builder.is_full(self._limits.chunk_size):
                    await self._close_chunk()
            return
        ids, records, hashes = self._dialect.identify_and_hash(run.records, self._seed)  # type: ignore[arg-type]
        start = 0
        while start < len(records):
            end = self._chunk_end(ids, start)
            part = slice(start, end)
            self._builder.extend(self.items + start, run.offsets[part], records[part], ids[part], hashes[part])
            start = end
            if start < len(records) and self._builder.is_full(self._limits.chunk_size):
                await self._close_chunk()
        self.items += len(records)
        self._count_unreadable(run, ids)

    def _chunk_end(self, ids: list[int], start: int) -> int:
        """Where the draft is full: not between records of one product that follow each other, as promotions do.

        So many that they are no promotions straddle chunks, as any product's records that stand apart.
        """
        size, room = self._limits.chunk_size, self._builder.room(self._limits.chunk_size)
        end = start if self._builder.is_full(size) else min(len(ids), start + size - len(self._builder.ids))
        last = ids[end - 1] if end > start else self._builder.ids[-1]
        most = min(len(ids), start + room)
        while end < most and ids[end] == last != 0:
            end += 1
        return end

    async def _close_chunk(self) -> None:
        draft, self._builder = self._builder, ChunkBuilder()
        chunk, slots = ChunkPlan(), self._seen.add_chunk(draft)
        self.chunks.append(chunk)
        if self._filter and self._filter.should_ask(draft):
            await self._settle_unchanged(await self._filter.submit(chunk, draft))
        else:
            self._slots.add(chunk, slots)
            await self._place(chunk, draft)

    async def _settle_unchanged(self, answers: list[DiffResult[ChunkPlan]]) -> None:
        """Settle what the table holds as sent; what differs goes to chunks of its own."""
        for answer in answers:
            chunk, draft = answer.key, answer.draft
            if answer.is_mostly_new:
                self._slots.add(chunk, ChunkIndex(draft.ids, draft.hashes))
                await self._place(chunk, draft)
                continue
            chunk.is_settled = True
            for slot in answer.differing:
                self._changed.add(*draft.record(slot))
                draft.ids[slot] *= -1
            self._changed_keys |= self._seen.keys_of(self._changed.ids)
            self._slots.add(chunk, ChunkIndex(draft.ids, draft.hashes))
            if self._changed.is_full(self._limits.chunk_size):
                await self._close_changed()

    async def _close_changed(self) -> None:
        draft, self._changed = self._changed, ChunkBuilder()
        self._changed_chunks.append(await self._store_new_chunk(draft, ChunkIndex(draft.ids, draft.hashes)))

    async def _store_new_chunk(self, draft: ChunkBuilder, slots: ChunkIndex) -> ChunkPlan:
        chunk = ChunkPlan(rejection=draft.rejection)
        self._slots.add(chunk, slots)
        await self._store(chunk, draft)
        return chunk

    async def _store_straddling(self) -> None:
        """A second reading: products that straddle chunks, or differ, go whole and in order to late chunks."""
        self._seen.straddling |= self._changed_keys
        late = sum(map(self._defer, self.chunks))
        spool = SpillPartitions(count_partitions(late, self._limits.chunk_size), self._limits.chunk_size)
        self.items = self.unreadable = 0
        try:
            async for run in self._runs():
                for record in self._records(run):
                    if record[3] and self._seen.is_straddling(record[3]):
                        spool.add(record)
            for draft in spool.drafts():
                self.chunks.append(await self._store_new_chunk(draft, SeenProducts().add_chunk(draft)))
        finally:
            spool.close()

    def _defer(self, chunk: ChunkPlan) -> int:
        """Leave products to late chunks; return how many records of the chunk they have."""
        ids = self._slots.ids(chunk)
        late = self._seen.mark_straddling(ids)
        if late:
            self._slots.replace_ids(chunk, ids)
        return late

    def rows(self) -> Iterator[NewChunk]:
        """The chunk rows to insert, one by one: all their ids together would be as large as the body."""
        for number, chunk in enumerate(self.chunks):
            ids = self._slots.ids(chunk)
            own = [product_id for product_id in ids if product_id >= 0]
            chunk.settle(own)
            yield NewChunk(
                batch_id=self._claim["id"],
                number=number,
                location=chunk.location,
                body_start=chunk.start,
                body_bytes=chunk.length,
                first_position=chunk.first,
                records=len(own),
                ids=BigintArray(ids),
                hashes=BigintArray(self._hashes(chunk)),
                rejection=chunk.rejection or None,
                is_settled=chunk.is_settled,
                unchanged=chunk.unchanged,
                merged=chunk.merged,
            )

    def _hashes(self, chunk: ChunkPlan) -> "array[int]":
        if chunk.is_settled:
            return array("q")  # nobody compares them any more
        # A replayed product may have gone on since: its stored hash says nothing of this record.
        return array("q", bytes(8 * chunk.count)) if self._claim["kind"] in KINDS else self._slots.hashes(chunk)

    async def _runs(self) -> AsyncIterator[RawRecords]:
        reader = create_reader(self._claim["media_type"], self._limits.max_record)
        async for block in self._blocks():
            for start in range(0, len(block), _BLOCK_BYTES):
                yield reader.feed(block[start : start + _BLOCK_BYTES])
                await asyncio.sleep(0)  # small bodies are split between blocks of large ones
        yield reader.close()

    def _records(self, run: RawRecords) -> list[tuple[int, int, bytes, int, int, int]]:
        ids, hash_record = self._dialect.identify_all(run.records), self._dialect.hash_record
        found = []
        for record, offset, product_id in zip(run.records, run.offsets, ids, strict=True):
            if isinstance(record, OversizeRecord):
                found.append((self.items, offset, record.prefix, product_id, 0, record.length))
            else:
                raw = bytes(record)
                digest = hash_record(raw, self._seed) if product_id else 0
                found.append((self.items, offset, raw, product_id, digest, len(raw)))
            self.items += 1
        self._count_unreadable(run, ids)
        return found

    def _count_unreadable(self, run: RawRecords, ids: list[int]) -> None:
        self.unreadable += ids.count(0)
        if self.unreadable > max(_MAX_UNREADABLE, self.items // 2):
            raise BodyError(
                "body_no_catalogue", run.offsets[ids.index(0)], unreadable=self.unreadable, items=self.items
            )

    async def _place(self, chunk: ChunkPlan, draft: ChunkBuilder) -> None:
        """As a slice of the body where parts of it can be read by themselves: nothing is stored twice then."""
        if draft.oversize or not self._is_readable_by_parts(draft):
            await self._store(chunk, draft)
            return
        chunk.location = self._claim["location"] or BODY_LOCATION
        chunk.start, chunk.length = draft.extent()
        chunk.first = draft.positions[0]

    def _is_readable_by_parts(self, draft: ChunkBuilder) -> bool:
        """Whether reading the draft's part of the body decodes no more than that part."""
        is_whole = self._is_read and len(draft.records) == self.items
        return not self._claim["encoding"] or (self._claim["body"] is not None and is_whole)

    async def _store(self, chunk: ChunkPlan, draft: ChunkBuilder) -> None:
        claim = self._claim
        token: UUID = claim["claim_token"]
        chunk.location = f"chunks/{claim['cnpj']}/{claim['id']}/{self._object_count:06d}-{token.hex[:8]}"
        self._object_count += 1
        await store_chunk(self._storage, chunk.location, draft.to_object())
