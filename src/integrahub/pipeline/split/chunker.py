"""Chunker: cut the records of one body into chunks, and settle those that equal the table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from operator import sub

from pyroaring import BitMap

from integrahub.db.batches.rows import SplitClaim
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import ChunkIndex, SeenProducts, count_partitions
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.kernel_reader import create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords
from integrahub.pipeline.split.staged_chunks import ChunkPlan, StagedChunks
from integrahub.pipeline.split.unchanged_filter import DiffResult, UnchangedFilter
from integrahub.storage.base import Storage
from integrahub.storage.chunks import BODY_LOCATION, store_chunk
from integrahub.storage.framed import is_framed, slice_location
from integrahub.storage.spill import SpillPartitions

_BODY_BLOCK_BYTES = 128 * 1024  # fed to the record reader at a time
MAX_UNREADABLE = 10_000  # records without a readable product id; more are accepted if they are the smaller half
Blocks = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class SplitLimits:
    """Limits of a split: `chunk_size` in records, `max_record` in bytes, `in_flight` in chunks of a batch."""

    chunk_size: int = 1000
    max_record: int = 64 * 1024
    in_flight: InFlightLimit = field(default_factory=InFlightLimit)


class Chunker:
    """Cut one body into chunks, in bounded memory. Without a filter all chunks are left to the upsert step.

    `staged` are the chunks, `items` counts the records, `unreadable` those without a readable product id.
    """

    def __init__(
        self,
        claim: SplitClaim,
        limits: SplitLimits,
        storage: Storage,
        blocks: Blocks,
        unchanged_filter: UnchangedFilter[ChunkPlan] | None,
        dialect: RecordIdentifier,
    ) -> None:
        self._claim = claim
        self._limits = limits
        self._storage = storage
        self._blocks = blocks
        self._filter = unchanged_filter
        self._dialect = dialect
        self._seed = dialect.derive_seed(claim.load_type, claim.time_zone)
        self._builder = ChunkBuilder()
        self._seen = SeenProducts()
        self._object_count = 0
        self._is_read = False
        self._first_unreadable: int | None = None  # offset in the body of one that the current block has
        self._changed = ChunkBuilder()  # changed records, taken out of chunks whose other records are unchanged
        self._changed_keys = BitMap()
        self._changed_plans: list[ChunkPlan] = []
        self.staged = StagedChunks(claim)
        self.items = 0
        self.unreadable = 0

    async def run(self) -> None:
        """Cut all records into chunks, in order. Raise BodyError if the body cannot be read."""
        async for run in self._read_records():
            await (self._add_cut(run) if isinstance(run, CutRecords) else self._add(run))
        self._is_read = True
        if self._builder.ids:
            await self._close_chunk()
        if not self.items:
            raise BodyError("body_empty", 0)
        await self._settle_unchanged(await self._filter.drain() if self._filter else [])
        if self._seen.straddling:
            await self._store_straddling()
            return
        if self._changed.ids:
            await self._close_changed()
        for plan in self._changed_plans:
            self.staged.append(plan)

    def close(self) -> None:
        """Delete temporary files."""
        self.staged.close()

    async def _add(self, run: RawRecords) -> None:
        """Add records to the current chunk, and close it whenever it is full."""
        if any(isinstance(record, OversizeRecord) for record in run.records):
            for record in self._identify(run):
                self._builder.add(*record)
                if self._builder.is_full(self._limits.chunk_size):
                    await self._close_chunk()
            return
        ids, records, hashes = self._dialect.identify_and_hash(run.records, self._seed)  # type: ignore[arg-type]
        async for start, end in self._divide(ids):
            part = slice(start, end)
            self._builder.extend(self.items + start, run.offsets[part], records[part], ids[part], hashes[part])
        self.items += len(records)
        self._count_unreadable(run, ids)

    async def _add_cut(self, cut: CutRecords) -> None:
        """Add records that a kernel cut, all with readable product ids."""
        async for start, end in self._divide(cut.ids):
            self._builder.extend_cut(self.items + start, cut.part(start, end))
        self.items += len(cut)

    async def _divide(self, ids: Sequence[int]) -> AsyncIterator[tuple[int, int]]:
        """Yield slots from and to which records go to the current chunk, and close it whenever it is full."""
        start = 0
        while start < len(ids):
            end = self._chunk_end(ids, start)
            if end > start:
                yield start, end
            start = end
            if start < len(ids) and self._builder.is_full(self._limits.chunk_size):
                await self._close_chunk()

    def _chunk_end(self, ids: Sequence[int], start: int) -> int:
        """Return where the current chunk ends.

        Consecutive records of one product, as promotions are, stay in one chunk as far as it has room.
        """
        size, room = self._limits.chunk_size, self._builder.room(self._limits.chunk_size)
        end = start if self._builder.is_full(size) else min(len(ids), start + size - len(self._builder.ids))
        last = ids[end - 1] if end > start else self._builder.ids[-1]
        limit = min(len(ids), start + room)
        while end < limit and ids[end] == last != 0:
            end += 1
        return end

    async def _close_chunk(self) -> None:
        chunk, self._builder = self._builder, ChunkBuilder()
        plan, index = ChunkPlan(), self._seen.add_chunk(chunk)
        self.staged.append(plan)
        if self._filter and self._filter.should_ask(chunk):
            await self._settle_unchanged(await self._filter.submit(plan, chunk))
        else:
            self.staged.write_index(plan, index)
            await self._place(plan, chunk)

    async def _settle_unchanged(self, results: list[DiffResult[ChunkPlan]]) -> None:
        """Settle the records that equal the table; move those that differ to chunks of their own."""
        for result in results:
            plan, chunk = result.key, result.chunk
            if result.is_mostly_new:
                self.staged.write_index(plan, ChunkIndex(chunk.ids, chunk.hashes))
                await self._place(plan, chunk)
                continue
            plan.is_settled = True
            self._set_extent(plan, chunk)
            if plan.start is not None and is_framed(self._claim.location):
                plan.location = slice_location(self._claim.location or "")
            for slot in result.differing:
                self._changed.add(*chunk.record(slot))
                chunk.ids[slot] *= -1
            self._changed_keys |= self._seen.keys_of(self._changed.ids)
            self.staged.write_index(plan, ChunkIndex(chunk.ids, chunk.hashes))
            if self._changed.is_full(self._limits.chunk_size):
                await self._close_changed()

    async def _close_changed(self) -> None:
        chunk, self._changed = self._changed, ChunkBuilder()
        self._changed_plans.append(await self._store_apart(chunk, ChunkIndex(chunk.ids, chunk.hashes)))

    async def _store_apart(self, chunk: ChunkBuilder, index: ChunkIndex) -> ChunkPlan:
        plan = ChunkPlan(rejection=chunk.rejection)
        self.staged.write_index(plan, index)
        self.staged.write_positions(plan, chunk.positions)
        await self._store(plan, chunk)
        return plan

    async def _store_straddling(self) -> None:
        """Read the body again, and store products that straddle chunks or differ in late chunks, whole and in order."""
        self._seen.straddling |= self._changed_keys
        late = sum(map(self._defer, self.staged.plans))
        spill = SpillPartitions(count_partitions(late, self._limits.chunk_size), self._limits.chunk_size)
        self.items = self.unreadable = 0
        try:
            async for run in self._read_records():
                for record in self._list_cut(run) if isinstance(run, CutRecords) else self._identify(run):
                    if record[3] and self._seen.is_straddling(record[3]):
                        spill.add(record)
            for chunk in spill.build_chunks():
                self.staged.append(await self._store_apart(chunk, SeenProducts().add_chunk(chunk)))
        finally:
            spill.close()

    def _defer(self, plan: ChunkPlan) -> int:
        """Leave the products of a chunk that go to late chunks; return how many of its records they have."""
        ids = self.staged.read_ids(plan)
        late = self._seen.mark_straddling(ids)
        if late:
            self.staged.replace_ids(plan, ids)
        return late

    async def _read_records(self) -> AsyncIterator[RawRecords | CutRecords]:
        kernel = None if self._claim.crashes else self._dialect.kernel  # a fault of the kernel may be what crashed
        cutter = kernel.create_cutter(self._seed, self._limits.max_record) if kernel else None
        reader = create_run_reader(self._claim.media_type, self._limits.max_record, cutter)
        async for block in self._blocks():
            for start in range(0, len(block), _BODY_BLOCK_BYTES):
                for run in reader.read(block[start : start + _BODY_BLOCK_BYTES]):
                    yield run
                self._check_unreadable()
                await asyncio.sleep(0)  # let small bodies be split between the blocks of large ones
        for run in reader.end():
            yield run
        self._check_unreadable()

    def _list_cut(self, cut: CutRecords) -> list[tuple[int, int, bytes, int, int, int]]:
        """Return of each record what `_identify` returns."""
        positions = range(self.items, self.items + len(cut))
        lengths = map(sub, cut.ends, cut.starts)
        self.items += len(cut)
        return list(zip(positions, cut.offsets, cut.records, cut.ids, cut.hashes, lengths, strict=True))

    def _identify(self, run: RawRecords) -> list[tuple[int, int, bytes, int, int, int]]:
        """Return position, offset, text, product id, hash and length of each record."""
        ids, hash_record = self._dialect.identify_all(run.records), self._dialect.hash_record
        records = []
        for record, offset, product_id in zip(run.records, run.offsets, ids, strict=True):
            if isinstance(record, OversizeRecord):
                records.append((self.items, offset, record.prefix, product_id, 0, record.length))
            else:
                raw = bytes(record)
                digest = hash_record(raw, self._seed) if product_id else 0
                records.append((self.items, offset, raw, product_id, digest, len(raw)))
            self.items += 1
        self._count_unreadable(run, ids)
        return records

    def _count_unreadable(self, run: RawRecords, ids: list[int]) -> None:
        unreadable = ids.count(0)
        self.unreadable += unreadable
        if unreadable and self._first_unreadable is None:
            self._first_unreadable = run.offsets[ids.index(0)]

    def _check_unreadable(self) -> None:
        """Raise BodyError if too many records are unreadable. After each block, because a kernel cuts it into runs."""
        offset, self._first_unreadable = self._first_unreadable, None
        if offset is not None and self.unreadable > max(MAX_UNREADABLE, self.items // 2):
            raise BodyError("body_no_catalogue", offset, unreadable=self.unreadable, items=self.items)

    async def _place(self, plan: ChunkPlan, chunk: ChunkBuilder) -> None:
        """Refer to a part of the body if that can be read alone; else store the chunk as an object."""
        self._set_extent(plan, chunk)
        if plan.start is None:
            await self._store(plan, chunk)
        else:
            plan.location = slice_location(self._claim.location or BODY_LOCATION)

    def _set_extent(self, plan: ChunkPlan, chunk: ChunkBuilder) -> None:
        """Note where consecutive records are in the body; `start` stays None if they cannot be read alone."""
        plan.first = chunk.first_position
        if not chunk.oversize and self._is_readable_alone(chunk):
            plan.start, plan.length = chunk.extent()

    def _is_readable_alone(self, chunk: ChunkBuilder) -> bool:
        """Return whether reading the chunk's part of the body decodes no other part."""
        is_whole = self._is_read and len(chunk.ids) == self.items
        return not self._claim.encoding or (self._claim.body is not None and is_whole)

    async def _store(self, plan: ChunkPlan, chunk: ChunkBuilder) -> None:
        claim = self._claim
        token = claim.claim_token.hex[:8]  # another worker's split of the same batch writes other objects
        plan.location = f"chunks/{claim.cnpj}/{claim.id}/{self._object_count:06d}-{token}"
        plan.length = chunk.size
        self._object_count += 1
        await store_chunk(self._storage, plan.location, chunk.to_object())
