"""The effect of chunks on `products`: probe, decode what differs, copy, merge; one statement each for all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db import record_faults
from integrahub.db.isolating import Put, put_whole
from integrahub.db.loader import blocks
from integrahub.db.pool import Connection
from integrahub.domain.chunking import Chunk
from integrahub.domain.inovafarma_columns import NULL
from integrahub.domain.inovafarma_lines import Dialect, Line, read_lines
from integrahub.domain.products import COUNTERS, SETTLING, Fault

_SQL = blocks("products")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk that is ours: its claim, with `ids` and `hashes` by slot, and its records."""

    claim: Row
    chunk: Chunk


async def apply(
    connection: Connection, parts: Sequence[Part], max_record: int, put: Put = put_whole
) -> list[dict[str, int]]:
    """Write what chunks change and give the counters of each; the caller holds the chunks' locks and commits.

    No product is in two of the chunks. UnfitValue when PostgreSQL refuses a row and `put` does not isolate it, also
    when a product is there that was thought to be a pharmacy's first.
    """
    await connection.execute(_SQL["pin_plan"])
    found = await _probe(connection, [part.claim for part in parts])
    changes = [_Change(part, one, max_record) for part, one in zip(parts, found, strict=True)]
    await _insert(connection, changes, put)
    for load_type in ("full", "delta"):
        await _merge(connection, load_type, [change for change in changes if change.load_type == load_type], put)
    return [await change.end(connection) for change in changes]


async def _probe(connection: Connection, claims: list[Row]) -> list[Row]:
    """By chunk, slots that must be read: `differing`; which of them have products that are `known`, or `inactive`."""
    asked = [claim for claim in claims if claim["has_products"]]
    found = iter(await _probed(connection, asked) if asked else [])
    return [next(found) if claim["has_products"] else _all_new(claim) for claim in claims]


async def _probed(connection: Connection, claims: list[Row]) -> list[Row]:
    names = {"batches": "batch_id", "numbers": "number", "pharmacies": "pharmacy_id"}
    asked = {name: [claim[key] for claim in claims] for name, key in names.items()}
    return await (await connection.execute(_SQL["probe"], asked, binary=True)).fetchall()


def _all_new(claim: Row) -> Row:
    return {"differing": [slot for slot, i in enumerate(claim["ids"]) if i >= 0], "known": [], "inactive": []}


class _Change:
    """The records of a chunk that differ from the table."""

    def __init__(self, part: Part, found: Row, max_record: int) -> None:
        claim, ids = part.claim, part.claim["ids"]
        self.load_type: str = claim["load_type"]
        self.known = {ids[slot] for slot in found["known"]}
        self._inactive = {ids[slot] for slot in found["inactive"]}
        self._differing = found["differing"]
        self._claim = claim
        self._chunk = part.chunk
        dialect = Dialect(claim["cnpj"], claim["load_type"], ZoneInfo(claim["time_zone"]), max_record)
        new = {ids[slot] for slot in found["differing"]} - self.known
        reading = read_lines(part.chunk, found["differing"], ids, new, dialect)
        self.lines = sorted(reading.lines)
        self._faults: list[Fault] = list(reading.faults)
        self.counters = dict.fromkeys(COUNTERS, 0) | {"merged": reading.merged, "rejected": reading.rejected}
        self.owner = f"{claim['pharmacy_id']}\t{claim['batch_id']}"
        self.hashes = self._hashes()

    def _hashes(self) -> Sequence[int | str]:
        """By slot. A product with faults is looked at again each time, so that they are reported again."""
        faulty = {fault.product_id for fault in self._faults}
        if not faulty:
            return self._claim["hashes"]  # type: ignore[no-any-return]
        told = zip(self._claim["ids"], self._claim["hashes"], strict=True)
        return [NULL if str(product_id) in faulty else digest for product_id, digest in told]

    def reject(self, lines: Sequence[Line], field: str, code: str) -> None:
        for product_id, _, _, slot in lines:
            payload = self._chunk.cut()
            place = payload.positions[slot], payload.offsets[slot]
            self._faults.append(Fault(*place, "rejected", str(product_id), field, code, ""))
            self.counters["rejected"] += 1

    def count_merged(self, lines: list[Line], refused: list[Line]) -> None:
        """Known products whose columns were compared; `updated` has been counted."""
        self.counters["unchanged"] = len(lines) - len(refused) - self.counters["updated"]
        gone = {line[0] for line in refused}
        self.counters["reactivated"] = sum(1 for line in lines if line[0] in self._inactive - gone)

    async def end(self, connection: Connection) -> dict[str, int]:
        """Report the faults; every record is accounted for, or ArithmeticError."""
        self.counters["warnings"] = Counter(fault.severity for fault in self._faults)["warning"]
        await record_faults.add(connection, self._claim["batch_id"], self._claim["number"], self._faults)
        ids = [product_id for product_id in self._claim["ids"] if product_id >= 0]
        if len(self._differing) < len(ids):
            differing = {self._claim["ids"][slot] for slot in self._differing} - {0}
            skipped = len({*ids} - {0}) - len(differing)
            self.counters["unchanged"] += skipped
            self.counters["merged"] += len(ids) - len(self._differing) - skipped
        settled = sum(self.counters[name] for name in SETTLING)
        if settled != len(ids):
            raise ArithmeticError(f"{len(ids)} records, {settled} accounted for: {self.counters}")
        return self.counters


async def _insert(connection: Connection, changes: Sequence[_Change], put: Put) -> None:
    async def write(rows: Sequence[tuple[_Change, Line]]) -> None:
        lines = [f"{change.owner}\t{change.hashes[line[3]]}\t{line[1]}\n" for change, line in rows]
        await _copy(connection, "copy_new", lines)

    titled = []
    for change in changes:
        new = [line for line in change.lines if line[0] not in change.known] if change.known else change.lines
        untitled = [line for line in new if not line[2]]
        change.reject(untitled, "TITLE", "title_missing")
        change.counters["inserted"] = len(new) - len(untitled)
        titled += [(change, line) for line in new if line[2]]
    for change, line in await put(connection, titled, write):
        change.reject([line], "", "record_refused")
        change.counters["inserted"] -= 1


async def _merge(connection: Connection, load_type: str, changes: Sequence[_Change], put: Put) -> None:
    place = {change: number for number, change in enumerate(changes)}

    async def write(rows: Sequence[tuple[_Change, Line]]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        lines = [f"{place[change]}\t{change.owner}\t{change.hashes[line[3]]}\t{line[1]}\n" for change, line in rows]
        await _copy(connection, "copy_stage", lines)
        for row in await (await connection.execute(_SQL[f"merge_{load_type}"])).fetchall():
            changes[row["place"]].counters["updated"] += row["updated"]

    known = [(change, line) for change in changes if change.known for line in change.lines if line[0] in change.known]
    refused = await put(connection, known, write)
    for change, line in refused:
        change.reject([line], "", "record_refused")
    for change in changes:
        mine = [line for other, line in known if other is change] if change.known else []
        change.count_merged(mine, [line for other, line in refused if other is change])


async def _copy(connection: Connection, statement: str, lines: list[str]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write("".join(lines).encode())
