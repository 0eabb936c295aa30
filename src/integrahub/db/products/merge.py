"""The effect of chunks on `products`: probe, decode what differs, copy, merge; one statement each for all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db.arrays import as_text
from integrahub.db.database import Connection
from integrahub.db.products import record_issues as record_issues
from integrahub.db.products.bisect import WriteRows, write_all
from integrahub.db.queries import load_queries
from integrahub.domain.chunks.builder import Chunk
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext, Line, RecordKeys
from integrahub.domain.products import COUNTERS, SETTLED, RecordIssue

_SQL = load_queries(__name__)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChunkToApply:
    """A chunk that is ours: its claim, with `ids` and `hashes` by slot, and its records."""

    claim: Row
    chunk: Chunk


async def merge_chunks(
    connection: Connection, parts: Sequence[ChunkToApply], decoder: ChunkDecoder, write_rows: WriteRows = write_all
) -> list[dict[str, int]]:
    """Write the changes of chunks and return the counters of each. The caller holds the chunks' locks and commits.

    No product is in two of the chunks. `write_bisecting` is only for a single chunk. Raises InvalidData if PostgreSQL
    refuses a row that `write_rows` does not bisect, also if a chunk without known products meets an existing product.
    """
    await connection.execute(_SQL["force_index_plan"])
    found = await _probe(connection, [part.claim for part in parts])
    changes = [ChunkMerge(part, one, decoder) for part, one in zip(parts, found, strict=True)]
    await _insert(connection, changes, write_rows)
    for load_type in ("full", "delta"):
        await _merge(connection, load_type, [change for change in changes if change.load_type == load_type], write_rows)
    return [await change.end(connection) for change in changes]


async def _probe(connection: Connection, claims: list[Row]) -> list[Row]:
    """By chunk, slots that must be read: `differing`; which of them have products that are `known`, or `inactive`."""
    may_be_known = await _may_be_known(connection, claims)
    asked = [claim for claim, known in zip(claims, may_be_known, strict=True) if known]
    values: Row = {name: [as_text(claim[name]) for claim in asked] for name in ("ids", "hashes")}
    values["pharmacies"] = [claim["pharmacy_id"] for claim in asked]
    rows = await (await connection.execute(_SQL["probe"], values, binary=True)).fetchall() if asked else []
    found = iter(rows)
    return [next(found) if known else _all_new(claim) for claim, known in zip(claims, may_be_known, strict=True)]


async def _may_be_known(connection: Connection, claims: list[Row]) -> list[bool]:
    """By chunk, whether there are products between its smallest and its largest id."""
    if not any(claim["has_products"] for claim in claims):
        return [False] * len(claims)
    values = {
        "pharmacies": [claim["pharmacy_id"] for claim in claims],
        "least": [min(map(abs, claim["ids"])) for claim in claims],
        "most": [max(map(abs, claim["ids"])) for claim in claims],
    }
    found = await (await connection.execute(_SQL["any_between"], values)).fetchall()
    return [row["known"] for row in found]


def _all_new(claim: Row) -> Row:
    return {"differing": [slot for slot, i in enumerate(claim["ids"]) if i >= 0], "known": [], "inactive": []}


class ChunkMerge:
    """The records of a chunk that differ from the table."""

    def __init__(self, part: ChunkToApply, found: Row, decoder: ChunkDecoder) -> None:
        claim, ids = part.claim, part.claim["ids"]
        self.load_type: str = claim["load_type"]
        self._claim = claim
        self._chunk = part.chunk
        self._differing = found["differing"]
        known = {ids[slot] for slot in found["known"]}
        self._inactive = {ids[slot] for slot in found["inactive"]}
        owner = f"{claim['pharmacy_id']}\t{claim['batch_id']}\t"
        context = DecodeContext(claim["cnpj"], claim["load_type"], ZoneInfo(claim["time_zone"]), owner)
        new = {ids[slot] for slot in found["differing"]} - known if known else set(ids)
        reading = decoder.decode(part.chunk, found["differing"], RecordKeys(ids, claim["hashes"]), new, context)
        _refuse_repeats(reading.lines)
        self.new = [line for line in reading.lines if line[0] not in known] if known else reading.lines
        self.known = [line for line in reading.lines if line[0] in known] if known else []
        self._faults: list[RecordIssue] = list(reading.faults)
        self.counters = dict.fromkeys(COUNTERS, 0) | {"merged": reading.merged, "rejected": reading.rejected}
        self.counters["inserted"] = len(self.new)

    def reject(self, lines: Sequence[Line]) -> None:
        """Report each line's record as refused by PostgreSQL."""
        for product_id, _, slot in lines:
            payload = self._chunk.cut()
            place = payload.positions[slot], payload.offsets[slot]
            self._faults.append(RecordIssue(*place, "rejected", str(product_id), "", "record_refused", ""))
            self.counters["rejected"] += 1

    def count_merged(self, refused: Sequence[Line]) -> None:
        """Known products were compared; `updated` has been counted."""
        self.counters["unchanged"] = len(self.known) - len(refused) - self.counters["updated"]
        asleep = self._inactive - {line[0] for line in refused}
        self.counters["reactivated"] = sum(1 for line in self.known if line[0] in asleep)

    async def end(self, connection: Connection) -> dict[str, int]:
        """Report the faults; ArithmeticError unless every record is accounted for."""
        self.counters["warnings"] = Counter(fault.severity for fault in self._faults)["warning"]
        await record_issues.insert(connection, self._claim["batch_id"], self._claim["number"], self._faults)
        ids = [product_id for product_id in self._claim["ids"] if product_id >= 0]
        if len(self._differing) < len(ids):
            differing = {self._claim["ids"][slot] for slot in self._differing} - {0}
            skipped = len({*ids} - {0}) - len(differing)
            self.counters["unchanged"] += skipped
            self.counters["merged"] += len(ids) - len(self._differing) - skipped
        settled = sum(self.counters[name] for name in SETTLED)
        if settled != len(ids):
            raise ArithmeticError(f"{len(ids)} records, {settled} accounted for: {self.counters}")
        return self.counters


def _refuse_repeats(lines: Sequence[Line]) -> None:
    """Raise ArithmeticError for two rows of one product: PostgreSQL would choose one of them and count both."""
    if len({line[0] for line in lines}) < len(lines):
        times = Counter(line[0] for line in lines)
        raise ArithmeticError(f"more than one row of these products: {[i for i in times if times[i] > 1][:10]}")


async def _insert(connection: Connection, changes: Sequence[ChunkMerge], write_rows: WriteRows) -> None:
    async def write(lines: Sequence[Line]) -> None:
        await _copy(connection, "copy_new", [line[1] for line in lines])

    refused = await write_rows(connection, [line for change in changes for line in change.new], write)
    changes[0].reject(refused)  # only a chunk by itself is isolated
    changes[0].counters["inserted"] -= len(refused)


async def _merge(connection: Connection, load_type: str, changes: Sequence[ChunkMerge], write_rows: WriteRows) -> None:
    async def write(lines: Sequence[tuple[int, Line]]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        await _copy(connection, "copy_stage", [f"{place}\t{line[1]}" for place, line in lines])
        for row in await (await connection.execute(_SQL[f"merge_{load_type}"])).fetchall():
            changes[row["place"]].counters["updated"] += row["updated"]

    staged = [(place, line) for place, change in enumerate(changes) for line in change.known]
    refused = await write_rows(connection, staged, write)
    for place, change in enumerate(changes):
        mine = [line for number, line in refused if number == place]
        change.reject(mine)
        change.count_merged(mine)


async def _copy(connection: Connection, statement: str, lines: list[str]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write("".join(lines).encode())
