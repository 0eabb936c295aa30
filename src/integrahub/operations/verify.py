"""Verification of a catalogue: rebuild it from its stored bodies and compare it with the table."""

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import msgspec
from pyroaring import BitMap64

from integrahub.db.database import Connection, Database
from integrahub.db.products import rebuild
from integrahub.db.products.rows import AppliedLoad, Difference
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import count_partitions
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.errors import NotFound
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords
from integrahub.domain.products import NormalisedRow
from integrahub.storage.base import Storage
from integrahub.storage.bodies import StoredBody, is_stored, read_records
from integrahub.storage.spill import Record, SpillPartitions


class Verification(msgspec.Struct, frozen=True):
    """Result of a comparison of a catalogue with its stored bodies.

    `batches` of `all_batches` were read. `found` products differ; `differences` holds the first of them. For `unjudged`
    products too few bodies are stored to compare them.
    """

    batches: int
    all_batches: int
    judged: int
    unjudged: int
    found: int
    differences: list[Difference]


class Verify:
    """Rebuilds a catalogue from its stored bodies and compares it with the table. Writes nothing.

    The order of batches, rejections and deactivations are read from the hub's tables, all values from the bodies.
    """

    def __init__(self, database: Database, storage: Storage, decoder: ChunkDecoder, *, chunk_size: int) -> None:
        self._database = database
        self._storage = storage
        self._chunk_size = chunk_size
        self._decoder = decoder

    async def __call__(self, cnpj: str, report_progress: Callable[[int, int], None]) -> Verification:
        """Verify the catalogue of a pharmacy. Raise NotFound if no batch was ever applied.

        Calls `report_progress` with the number of batches read and the number of batches to read.
        """
        async with self._database.transaction() as connection:
            loads = await rebuild.take_snapshot(connection, cnpj)
            if not loads:
                raise NotFound("verify_nothing", cnpj=cnpj)
            stored = await self._latest_stored(loads)
            from_start = len(stored) == len(loads) and loads[0].has_first
            for number, load in enumerate(stored):
                report_progress(number, len(stored))
                await self._stage(connection, load)
                await rebuild.merge_staged(connection, load, from_start=from_start)
            report_progress(len(stored), len(stored))
            counts, differing = await rebuild.compare(connection, cnpj, from_start=from_start)
        found = differing[0].found if differing else 0
        differences = [Difference(one.product_id, one.finding, one.columns) for one in differing]
        return Verification(len(stored), len(loads), counts.judged, counts.unjudged, found, differences)

    async def _latest_stored(self, loads: list[AppliedLoad]) -> list[AppliedLoad]:
        """Return the latest loads whose bodies are stored without a gap."""
        for index in range(len(loads) - 1, -1, -1):
            load = loads[index]
            if not load.is_inline and not await is_stored(self._storage, load.location):
                return loads[index + 1 :]
        return loads

    async def _stage(self, connection: Connection, load: AppliedLoad) -> None:
        """Stage the applied records of a load, one partition of its products at a time."""
        applied = await rebuild.read_applied_ids(connection, load)
        spill = SpillPartitions(count_partitions(load.items_total or 1, self._chunk_size), self._chunk_size)
        content = await rebuild.read_body(connection, load) if load.is_inline else None
        body = StoredBody(load.location, content, load.media_type, load.encoding)
        try:
            async for position, run in read_records(self._storage, body, self._decoder.max_record):
                for record in _select(self._decoder.dialect, position, run, applied):
                    spill.add(record)
            for draft in spill.build_chunks():
                await rebuild.stage_products(connection, self._normalise(load, draft))
        finally:
            spill.close()

    def _normalise(self, load: AppliedLoad, draft: ChunkBuilder) -> list[NormalisedRow]:
        sources = list(zip(draft.positions, draft.offsets, draft.ids, draft.records, strict=True))
        context = DecodeContext(load.cnpj, load.load_type, ZoneInfo(load.time_zone))
        return self._decoder.normalise(sources, context).products


def _select(dialect: RecordIdentifier, first: int, run: RawRecords, applied: BitMap64) -> Iterator[Record]:
    """Yield the records of applied products; `first` is the position of the first record."""
    found = zip(run.records, run.offsets, dialect.identify_all(run.records), strict=True)
    for position, (record, offset, product_id) in enumerate(found, first):
        if product_id in applied and not isinstance(record, OversizeRecord):
            raw = bytes(record)
            yield position, offset, raw, product_id, 0, len(raw)
