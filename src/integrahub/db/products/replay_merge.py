"""The effect of a replayed chunk on `products`: records folded with what later batches said, then merged."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db.database import Connection
from integrahub.db.products import record_issues as record_issues
from integrahub.db.products.bisect import WriteRows
from integrahub.db.queries import load_queries
from integrahub.domain.chunks.builder import ChunkObject
from integrahub.domain.copy_text import copy_text
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext
from integrahub.domain.products import COLUMNS, COUNTERS, SETTLED, RecordIssue
from integrahub.domain.replays import LaterFields, LaterWrites, fold

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def merge_replay(
    connection: Connection,
    claim: Row,
    payload: ChunkObject,
    later: LaterWrites,
    decoder: ChunkDecoder,
    write_rows: WriteRows,
) -> dict[str, int]:
    """Write what is left of a chunk and give its counters; the caller holds the chunk's lock and commits.

    Counters as those of `merging.merge_chunks`, with `superseded`: records that later batches made void.
    """
    asked = {"batch_id": claim["batch_id"], "number": claim["number"]}
    slots = await (await connection.execute(_SQL["chunk_records"], asked)).fetchall()
    replay = _Replay(claim, later, decoder)
    replay.read(slots, payload)
    await replay.write(connection, write_rows)
    await record_issues.insert(connection, claim["batch_id"], claim["number"], replay.faults)
    settled = sum(replay.counters[name] for name in SETTLED)
    if settled != len(slots):
        raise ArithmeticError(f"{len(slots)} records, {settled} accounted for: {replay.counters}")
    return replay.counters


class _Replay:
    """The records of a chunk that later batches left something of."""

    def __init__(self, claim: Row, later: LaterWrites, decoder: ChunkDecoder) -> None:
        self._claim = claim
        self._later = later
        self._decoder = decoder
        self._rows: list[Any] = []
        self.faults: list[RecordIssue] = []
        self.counters = dict.fromkeys(COUNTERS, 0)

    def read(self, slots: list[Row], payload: ChunkObject) -> None:
        """Leave out what was superseded, check the rest."""
        left = [row for row in slots if row["product_id"] not in self._later.superseded]
        sources = [
            (payload.positions[slot], payload.offsets[slot], row["product_id"], payload.record(slot))
            for row in left
            for slot in (row["slot"],)
        ]
        zone = ZoneInfo(self._claim["time_zone"])
        context = DecodeContext(self._claim["cnpj"], self._claim["load_type"], zone)
        normal = self._decoder.normalise(sources, context)
        self._rows = [row for row in sorted(normal.products, key=lambda row: row[0]) if not self._is_void(row)]
        self.faults = list(normal.faults)
        void = len(normal.products) - len(self._rows)
        known = {"superseded": len(slots) - len(left) + void, "merged": normal.merged, "rejected": normal.rejected}
        self.counters |= known

    def _is_void(self, row: Any) -> bool:
        carried = self._later.carried.get(row[0])
        return self._claim["load_type"] == "delta" and carried is not None and carried.covers(row)

    async def write(self, connection: Connection, write_rows: WriteRows) -> None:
        """Fold every row with its product as it stands, and merge."""
        asked = {"pharmacy_id": self._claim["pharmacy_id"], "ids": [row[0] for row in self._rows]}
        found = await (await connection.execute(_SQL["current_products"], asked)).fetchall()
        current = {row["product_id"]: row for row in found}
        lines = [self._line(row, current.get(row[0])) for row in self._rows]
        whole = []
        for row, line in zip(self._rows, lines, strict=True):
            missing = self._decoder.dialect.find_missing(line[2:])
            if missing:
                self._reject(row, *missing)
            else:
                whole.append((row, line))
        refused = await write_rows(connection, whole, lambda part: self._merge(connection, part))
        for row, _ in refused:
            self._reject(row, "", "record_refused")
        self._count(whole, refused, current)

    def _line(self, row: Any, current: Row | None) -> list[str | None]:
        since = self._later.inactive_since.get(row[0])
        columns = fold(row, self._claim["load_type"], current, self._later.carried.get(row[0], LaterFields()))
        return [str(row[0]), since.isoformat() if since else None, *columns]

    async def _merge(self, connection: Connection, part: Sequence[Any]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        async with connection.cursor().copy(_SQL["copy_stage"]) as copy:
            await copy.write(copy_text([line for _, line in part]))
        key = {name: self._claim[name] for name in ("batch_id", "pharmacy_id", "seen_at")}
        self.counters["updated"] += (await connection.execute(_SQL["merge_known"], key)).rowcount
        self.counters["inserted"] += (await connection.execute(_SQL["insert_new"], key)).rowcount

    def _count(self, whole: list[Any], refused: list[Any], current: dict[int, Row]) -> None:
        written = self.counters["updated"] + self.counters["inserted"]
        self.counters["unchanged"] = len(whole) - len(refused) - written
        gone = {row[0] for row, _ in refused}
        slept = {number for number, product in current.items() if not product["is_active"]} - gone
        self.counters["reactivated"] = sum(1 for row, line in whole if line[1] is None and row[0] in slept)
        self.counters["warnings"] = Counter(fault.severity for fault in self.faults)["warning"]

    def _reject(self, row: Any, field: str, code: str) -> None:
        position, offset, _ = row[1 + len(COLUMNS) :]
        self.faults.append(RecordIssue(position, offset, "rejected", str(row[0]), field, code, ""))
        self.counters["rejected"] += 1
