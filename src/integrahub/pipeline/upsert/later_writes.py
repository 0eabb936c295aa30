"""Reader of what batches after a replayed one wrote, from the tables and from the records of later DELTAs."""

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from zoneinfo import ZoneInfo

from integrahub.db.batches import replays
from integrahub.db.chunks.claims import ChunkKey
from integrahub.db.chunks.rows import ChunkClaim, LaterWrite, StoredChunk
from integrahub.db.database import Database
from integrahub.domain.batches import LoadType
from integrahub.domain.dialects.base import Source
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.parsing.raw_records import OversizeRecord, Record
from integrahub.domain.replays import LaterFields, LaterWrites
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, read_records
from integrahub.storage.chunks import read_chunk


class LaterWritesReader:
    """Reads the later writes to the products of one chunk. The replay has the turn, so no batch writes meanwhile."""

    def __init__(self, database: Database, storage: Storage, decoder: ChunkDecoder) -> None:
        self._database = database
        self._storage = storage
        self._decoder = decoder

    async def read(self, claim: ChunkClaim) -> LaterWrites:
        """Return what later batches wrote. Raise ObjectMissing if the records of a later DELTA are not stored."""
        writes = await replays.list_later_writes(self._database, claim)
        later = LaterWrites(superseded={write.product_id for write in writes if write.load_type is LoadType.FULL})
        deltas = [w for w in writes if w.load_type is LoadType.DELTA and w.product_id not in later.superseded]
        last_seq = {write.product_id: write.seq for write in deltas}
        for absence in await replays.list_later_absences(self._database, claim):
            if absence.seq > last_seq.get(absence.product_id, 0):
                later.inactive_since[absence.product_id] = absence.finished_at
        await self._add_fields(claim, deltas, later)
        return later

    async def _add_fields(self, claim: ChunkClaim, deltas: list[LaterWrite], later: LaterWrites) -> None:
        """Decode the records of later DELTAs and note which fields of each product they wrote."""
        ids_of: dict[ChunkKey, set[int]] = defaultdict(set)
        for write in deltas:
            ids_of[write.batch_id, write.number].add(write.product_id)
        context = DecodeContext(claim.cnpj, LoadType.DELTA, ZoneInfo(claim.time_zone))
        for chunk in await replays.list_stored_chunks(self._database, list(ids_of)):
            sources = [source async for source in self._sources(chunk, ids_of[chunk.batch_id, chunk.number])]
            for product in self._decoder.normalise(sources, context).products:
                later.carried.setdefault(product.product_id, LaterFields()).add(product)

    async def _sources(self, chunk: StoredChunk, ids: set[int]) -> AsyncIterator[Source]:
        """Yield the records of some products of a chunk, from the body if the chunk's object is deleted."""
        try:
            records = (await read_chunk(self._storage, chunk)).to_object()
        except ObjectMissing:
            async for source in self._sources_of_body(chunk, ids):
                yield source
            return
        for source in self._select(records.records, records.positions, records.offsets, ids):
            yield source

    async def _sources_of_body(self, chunk: StoredChunk, ids: set[int]) -> AsyncIterator[Source]:
        body = StoredBody(chunk.body_location, chunk.body, chunk.media_type, chunk.encoding)
        async for position, run in read_records(self._storage, body, self._decoder.max_record):
            for source in self._select(run.records, itertools.count(position), run.offsets, ids):
                yield source

    def _select(
        self, records: Sequence[Record], positions: Iterable[int], offsets: Iterable[int], ids: set[int]
    ) -> list[Source]:
        found = zip(positions, offsets, self._decoder.dialect.identify_all(records), records, strict=False)
        return [
            (position, offset, product_id, record if isinstance(record, bytes) else bytes(record))
            for position, offset, product_id, record in found
            if product_id in ids and not isinstance(record, OversizeRecord)
        ]
