"""Merge of a replayed chunk into `products`: keep what later batches wrote, apply the rest."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from integrahub.db.database import Connection
from integrahub.db.products import record_issues
from integrahub.db.products.bisect import WriteRows
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.merge import MergeRules
from integrahub.db.products.rows import CurrentProduct
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value
from integrahub.domain.copy_text import copy_text
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.products import ChunkCounters, NormalisedRow, RecordIssue
from integrahub.domain.replays import LaterFields, LaterWrites, merge_fields

_SQL = load_queries(__name__)
_Line = list[str | None]  # product id, time of deactivation, columns as COPY text


class ReplayToApply(msgspec.Struct, frozen=True):
    """A locked chunk of a replay. `later` is what later batches wrote, `seen_at` the receipt of the original batch."""

    chunk: ChunkToApply
    later: LaterWrites
    seen_at: datetime | None


async def merge_replay(
    connection: Connection, replay: ReplayToApply, rules: MergeRules, write_rows: WriteRows
) -> ChunkCounters:
    """Write what later batches left of a chunk and return its counters. The caller holds the chunk's lock and commits.

    `superseded` counts records of which nothing is left. Raise ArithmeticError unless every record has a result.
    """
    merge = _ReplayMerge(replay, rules)
    merge.decode(rules.decoder)
    await merge.write(connection, rules.decoder, write_rows)
    issues = rules.decoder.label(merge.issues, replay.chunk.records)
    await record_issues.insert(connection, replay.chunk.batch_id, replay.chunk.number, issues)
    counters = merge.count()
    records = sum(product_id >= 0 for product_id in replay.chunk.ids)
    if counters.settled != records:
        raise ArithmeticError(f"{records} records, {counters.settled} accounted for: {counters}")
    return counters


class _ReplayMerge:
    """Product rows of a replayed chunk, and what becomes of its records."""

    def __init__(self, replay: ReplayToApply, rules: MergeRules) -> None:
        self._chunk = replay.chunk
        self._history = rules.history
        self._later = replay.later
        self._seen_at = replay.seen_at
        self._rows: list[NormalisedRow] = []
        self.issues: list[RecordIssue] = []
        self._inserted = self._updated = self._unchanged = self._reactivated = 0
        self._superseded = self._merged = self._rejected = 0

    def decode(self, decoder: ChunkDecoder) -> None:
        """Decode the records that later batches did not supersede."""
        chunk, records = self._chunk, self._chunk.records.to_object()
        own = [(slot, product_id) for slot, product_id in enumerate(chunk.ids) if product_id >= 0]
        left = [(slot, product_id) for slot, product_id in own if product_id not in self._later.superseded]
        sources = [
            (records.positions[slot], records.offsets[slot], product_id, records.record(slot))
            for slot, product_id in left
        ]
        context = DecodeContext(chunk.cnpj, chunk.load_type, ZoneInfo(chunk.time_zone))
        decoded = decoder.normalise(sources, context)
        self._rows = [
            row for row in sorted(decoded.products, key=lambda row: row.product_id) if not self._is_superseded(row)
        ]
        self.issues = list(decoded.issues)
        self._superseded = len(own) - len(left) + len(decoded.products) - len(self._rows)
        self._merged, self._rejected = decoded.merged, decoded.rejected

    def _is_superseded(self, row: NormalisedRow) -> bool:
        """Return whether later DELTAs wrote every field of a DELTA's row."""
        later = self._later.carried.get(row.product_id)
        return self._chunk.load_type == "delta" and later is not None and later.covers(row)

    async def write(self, connection: Connection, decoder: ChunkDecoder, write_rows: WriteRows) -> None:
        """Combine every row with the product in the table, and write the products that changed."""
        params = {"pharmacy_id": self._chunk.pharmacy_id, "ids": [row.product_id for row in self._rows]}
        products = await fetch_all(connection, _SQL["current_products"], params, CurrentProduct)
        current = {product.product_id: product for product in products}
        complete = []
        for row in self._rows:
            line = self._combine(row, current.get(row.product_id))
            missing = decoder.dialect.find_missing(line[2:])
            if missing:
                self._reject(row, *missing)
            else:
                complete.append((row, line))
        refused = await write_rows(connection, complete, lambda part: self._merge(connection, part))
        for row, _ in refused:
            self._reject(row, "", "record_refused")
        self._unchanged = len(complete) - len(refused) - self._updated - self._inserted
        inactive = {product.product_id for product in products if not product.is_active} - {r[0] for r, _ in refused}
        self._reactivated = sum(1 for row, line in complete if line[1] is None and row.product_id in inactive)

    def _combine(self, row: NormalisedRow, current: CurrentProduct | None) -> _Line:
        since = self._later.inactive_since.get(row.product_id)
        columns = None if current is None else msgspec.structs.asdict(current)
        later = self._later.carried.get(row.product_id, LaterFields())
        return [
            str(row.product_id),
            since.isoformat() if since else None,
            *merge_fields(row, self._chunk.load_type, columns, later),
        ]

    async def _merge(self, connection: Connection, part: Sequence[tuple[NormalisedRow, _Line]]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        async with connection.cursor().copy(_SQL["copy_stage"]) as copy:
            await copy.write(copy_text([line for _, line in part]))
        chunk = self._chunk
        owner = {"batch_id": chunk.batch_id, "pharmacy_id": chunk.pharmacy_id, "seen_at": self._seen_at}
        params = owner | {"seq": chunk.seq, "history": self._history, "fills_catalogue": chunk.fills_catalogue}
        updated = await fetch_value(connection, _SQL["merge_known"], params, int) or 0
        inserted = await fetch_value(connection, _SQL["insert_new"], params, int) or 0
        self._updated += updated  # only now: a row that the second statement refuses also undoes the first
        self._inserted += inserted

    def _reject(self, row: NormalisedRow, field: str, code: str) -> None:
        self.issues.append(RecordIssue(row.position, row.offset, "rejected", str(row.product_id), field, code, ""))
        self._rejected += 1

    def count(self) -> ChunkCounters:
        """Return the counters of the chunk."""
        return ChunkCounters(
            inserted=self._inserted,
            updated=self._updated,
            unchanged=self._unchanged,
            merged=self._merged,
            rejected=self._rejected,
            superseded=self._superseded,
            reactivated=self._reactivated,
            warnings=sum(issue.severity == "warning" for issue in self.issues),
        )
