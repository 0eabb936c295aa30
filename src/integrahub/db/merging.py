"""The effect of a chunk on `products`: probe, decode what differs, copy, merge."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db import record_faults
from integrahub.db.isolating import Put, put_whole
from integrahub.db.loader import blocks
from integrahub.db.pool import Connection
from integrahub.domain.chunking import Chunk
from integrahub.domain.inovafarma_lines import Dialect, Line, read_lines
from integrahub.domain.products import Fault

_SQL = blocks("products")
Row = dict[str, Any]


async def apply(
    connection: Connection, claim: Row, chunk: Chunk, max_record: int, put: Put = put_whole
) -> dict[str, int]:
    """Write what a chunk changes and give its counters; the caller holds the chunk's lock and commits.

    `claim` has the chunk's `ids` and `hashes` by slot. UnfitValue when PostgreSQL refuses a row and `put` does not
    isolate it, also when a product is there that was thought to be a pharmacy's first.

    Counters: inserted, updated, unchanged, merged, rejected, reactivated, warnings; the first five add up to the
    records the chunk answers for.
    """
    await connection.execute(_SQL["pin_plan"])
    found = await _probe(connection, claim)
    ids = [product_id for product_id in claim["ids"] if product_id >= 0]
    products = len({*ids} - {0})
    differing = {claim["ids"][slot] for slot in found["differing"]} - {0}
    change = _Change(claim, chunk, found, max_record, put)
    await change.write(connection)
    counters = change.counters
    skipped = products - len(differing)
    counters["unchanged"] += skipped
    counters["merged"] += len(ids) - len(found["differing"]) - skipped
    settled = sum(counters[name] for name in ("inserted", "updated", "unchanged", "merged", "rejected"))
    if settled != len(ids):
        raise ArithmeticError(f"{len(ids)} records, {settled} accounted for: {counters}")
    return counters


async def _probe(connection: Connection, claim: Row) -> Row:
    """Slots that must be read: `differing`; and which of them have products that are `known`, or `inactive`."""
    if not claim["has_products"]:
        return {"differing": [slot for slot, i in enumerate(claim["ids"]) if i >= 0], "known": [], "inactive": []}
    key = {"batch_id": claim["batch_id"], "number": claim["number"], "pharmacy_id": claim["pharmacy_id"]}
    found = await (await connection.execute(_SQL["probe"], key, binary=True)).fetchone()
    assert found is not None
    return found


class _Change:
    """The records of a chunk that differ from the table."""

    def __init__(self, claim: Row, chunk: Chunk, found: Row, max_record: int, put: Put) -> None:
        ids: Sequence[int] = claim["ids"]
        self._claim = claim
        self._chunk = chunk
        self._put = put
        self._known = {ids[slot] for slot in found["known"]}
        self._inactive = {ids[slot] for slot in found["inactive"]}
        self._dialect = Dialect(claim["cnpj"], claim["load_type"], ZoneInfo(claim["time_zone"]), max_record)
        new = {ids[slot] for slot in found["differing"]} - self._known
        self._reading = read_lines(chunk, found["differing"], ids, new, self._dialect)
        self._faults: list[Fault] = list(self._reading.faults)
        self._faulty = frozenset(fault.product_id for fault in self._reading.faults)
        nothing = dict.fromkeys(("inserted", "updated", "unchanged", "superseded", "reactivated", "warnings"), 0)
        self.counters = nothing | {"merged": self._reading.merged, "rejected": self._reading.rejected}

    async def write(self, connection: Connection) -> None:
        """New products, changed products, faults; then the counters are final."""
        lines = sorted(self._reading.lines)
        if self._known:
            await self._insert(connection, [line for line in lines if line[0] not in self._known])
            await self._merge(connection, [line for line in lines if line[0] in self._known])
        else:
            await self._insert(connection, lines)
        await self._report(connection)

    async def _insert(self, connection: Connection, lines: list[Line]) -> None:
        prefix = f"{self._claim['pharmacy_id']}\t{self._claim['batch_id']}\t"

        async def write(part: Sequence[Line]) -> None:
            await _copy(connection, "copy_new", [f"{prefix}{self._hashed(line)}\n" for line in part])

        titled = [line for line in lines if line[2]]
        refused = await self._put(connection, titled, write)
        self.counters["inserted"] = len(titled) - len(refused)
        self._reject([line for line in lines if not line[2]], "TITLE", "title_missing")
        self._reject(refused, "", "record_refused")

    def _hashed(self, line: Line) -> str:
        product_id, text, _, slot = line
        # A product with faults is looked at again each time, so that they are reported again.
        digest = "\\N" if self._faulty and str(product_id) in self._faulty else self._claim["hashes"][slot]
        return f"{digest}\t{product_id}\t{text}"

    def _reject(self, lines: Sequence[Line], field: str, code: str) -> None:
        for product_id, _, _, slot in lines:
            payload = self._chunk.cut()
            place = payload.positions[slot], payload.offsets[slot]
            self._faults.append(Fault(*place, "rejected", str(product_id), field, code, ""))
            self.counters["rejected"] += 1

    async def _merge(self, connection: Connection, lines: list[Line]) -> None:
        key = {"batch_id": self._claim["batch_id"], "pharmacy_id": self._claim["pharmacy_id"]}

        async def write(part: Sequence[Line]) -> None:
            await connection.execute(_SQL["create_stage"])
            await connection.execute(_SQL["clear_stage"])
            await _copy(connection, "copy_stage", [f"{self._hashed(line)}\n" for line in part])
            merged = await connection.execute(_SQL[f"merge_{self._claim['load_type']}"], key)
            self.counters["updated"] += merged.rowcount

        refused = await self._put(connection, lines, write)
        self.counters["unchanged"] = len(lines) - len(refused) - self.counters["updated"]
        gone = {line[0] for line in refused}
        self.counters["reactivated"] = sum(1 for line in lines if line[0] in self._inactive - gone)
        self._reject(refused, "", "record_refused")

    async def _report(self, connection: Connection) -> None:
        severities = Counter(fault.severity for fault in self._faults)
        self.counters["warnings"] = severities["warning"]
        await record_faults.add(connection, self._claim["batch_id"], self._claim["number"], self._faults)


async def _copy(connection: Connection, statement: str, lines: list[str]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write("".join(lines).encode())
