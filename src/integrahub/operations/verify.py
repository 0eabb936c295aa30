"""Verify: a catalogue rebuilt from its stored bodies, one batch at a time, and compared with the table."""

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from pyroaring import BitMap64

from integrahub.db.database import Connection, Database
from integrahub.db.products import rebuild as verifying
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import count_partitions
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.errors import NotFound
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords
from integrahub.storage.base import Storage
from integrahub.storage.bodies import is_kept, runs_of
from integrahub.storage.spill import Record, SpillPartitions

Row = dict[str, Any]


class Verify:
    """Reads only. The order, what was refused and what was deactivated are taken from the hub's records of its work;
    every value is read again from the bodies. `chunk_size` in records.
    """

    def __init__(self, database: Database, storage: Storage, decoder: ChunkDecoder, *, chunk_size: int) -> None:
        self._database = database
        self._storage = storage
        self._chunk_size = chunk_size
        self._decoder = decoder

    async def __call__(self, cnpj: str, begun: Callable[[int, int], None]) -> Row:
        """Return `batches` read, of `all_batches`, and the result of `verifying.compare`.

        Calls `begun` with the batch being read and the number of batches. Raises NotFound if no batch was ever applied.
        """
        async with self._database.transaction() as connection:
            loads = await verifying.take_snapshot(connection, cnpj)
            if not loads:
                raise NotFound("verify_nothing", cnpj=cnpj)
            kept = await self._kept(loads)
            from_start = len(kept) == len(loads) and loads[0]["has_first"]
            for number, load in enumerate(kept):
                begun(number, len(kept))
                await self._stage(connection, load)
                await verifying.merge_staged(connection, load, from_start=from_start)
            begun(len(kept), len(kept))
            told = {"batches": len(kept), "all_batches": len(loads)}
            return told | await verifying.compare(connection, cnpj, from_start=from_start)

    async def _kept(self, loads: list[Row]) -> list[Row]:
        """The latest loads without a gap in what is kept."""
        for place in range(len(loads), 0, -1):
            load = loads[place - 1]
            if not load["is_inline"] and not await is_kept(self._storage, load["location"]):
                return loads[place:]
        return loads

    async def _stage(self, connection: Connection, load: Row) -> None:
        """The load's applied records, a part of its products at a time."""
        applied = await verifying.read_applied_ids(connection, load)
        spool = SpillPartitions(count_partitions(load["items_total"] or 1, self._chunk_size), self._chunk_size)
        body = await verifying.read_body(connection, load) if load["is_inline"] else None
        try:
            async for position, run in runs_of(self._storage, load, body, self._decoder.max_record):
                for record in _records(self._decoder.dialect, position, run, applied):
                    spool.add(record)
            for draft in spool.drafts():
                await verifying.stage_products(connection, self._normal(load, draft))
        finally:
            spool.close()

    def _normal(self, load: Row, draft: ChunkBuilder) -> list[Any]:
        sources = list(zip(draft.positions, draft.offsets, draft.ids, draft.records, strict=True))
        context = DecodeContext(load["cnpj"], load["load_type"], ZoneInfo(load["time_zone"]))
        return self._decoder.normalise(sources, context).products


def _records(dialect: RecordIdentifier, position: int, run: RawRecords, applied: BitMap64) -> Iterator[Record]:
    found = zip(run.records, run.offsets, dialect.identify_all(run.records), strict=True)
    for place, (record, offset, product_id) in enumerate(found, position):
        if product_id in applied and not isinstance(record, OversizeRecord):
            raw = bytes(record)
            yield place, offset, raw, product_id, 0, len(raw)
