"""What batches after a replayed one said of its products, read from the tables and from the chunks of DELTAs."""

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db.batches import replays
from integrahub.db.database import Database
from integrahub.domain.dialects.base import Source
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.replays import LaterFields, LaterWrites
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.bodies import runs_of
from integrahub.storage.chunks import read_chunk

Row = dict[str, Any]


class LaterWritesReader:
    """Answers for one chunk at a time; its batch has the turn, so nothing later is under way."""

    def __init__(self, database: Database, storage: Storage, decoder: ChunkDecoder) -> None:
        self._database = database
        self._storage = storage
        self._decoder = decoder

    async def of(self, claim: Row) -> LaterWrites:
        """What is already said. ObjectMissing when neither chunk nor body of a later DELTA is kept."""
        applied = await replays.applied_later(self._database, claim)
        later = LaterWrites(superseded={row["product_id"] for row in applied if row["load_type"] == "full"})
        deltas = [row for row in applied if row["load_type"] == "delta" and row["product_id"] not in later.superseded]
        latest = {row["product_id"]: row["seq"] for row in deltas}
        for row in await replays.absent_later(self._database, claim):
            if row["seq"] > latest.get(row["product_id"], 0):
                later.inactive_since[row["product_id"]] = row["finished_at"]
        await self._carry(claim, deltas, later)
        return later

    async def _carry(self, claim: Row, deltas: list[Row], later: LaterWrites) -> None:
        wanted: dict[tuple[Any, int], set[int]] = defaultdict(set)
        for row in deltas:
            wanted[row["batch_id"], row["number"]].add(row["product_id"])
        for chunk in await replays.chunks_of(self._database, list(wanted)):
            ids = wanted[chunk["batch_id"], chunk["number"]]
            sources = [source async for source in self._sources(chunk, ids)]
            context = DecodeContext(claim["cnpj"], "delta", ZoneInfo(claim["time_zone"]))
            for product in self._decoder.normalise(sources, context).products:
                later.carried.setdefault(product[0], LaterFields()).add(product)

    async def _sources(self, chunk: Row, ids: set[int]) -> AsyncIterator[Source]:
        """A chunk's records of some products; from the body when the chunk is no longer kept."""
        try:
            payload = (await read_chunk(self._storage, chunk)).cut()
        except ObjectMissing:
            async for source in self._from_body(chunk, ids):
                yield source
            return
        for source in self._chosen(payload.records, payload.positions, payload.offsets, ids):
            yield source

    async def _from_body(self, chunk: Row, ids: set[int]) -> AsyncIterator[Source]:
        body = None if chunk["body"] is None else bytes(chunk["body"])
        async for position, run in runs_of(
            self._storage, chunk | {"location": chunk["body_location"]}, body, self._decoder.max_record
        ):
            for source in self._chosen(run.records, itertools.count(position), run.offsets, ids):
                yield source

    def _chosen(self, records: Any, positions: Iterable[int], offsets: Iterable[int], ids: set[int]) -> list[Source]:
        found = zip(positions, offsets, self._decoder.dialect.identify_all(records), records, strict=False)
        return [
            (position, offset, product_id, record if isinstance(record, bytes) else bytes(record))
            for position, offset, product_id, record in found
            if product_id in ids
        ]
