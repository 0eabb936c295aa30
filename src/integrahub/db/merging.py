"""The effect of a chunk on `products`: probe, decode what differs, copy, merge."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.db import record_faults
from integrahub.db.isolating import Put, put_whole
from integrahub.db.loader import blocks
from integrahub.db.pool import Connection
from integrahub.domain.chunking import Payload
from integrahub.domain.cutter import Oversize
from integrahub.domain.inovafarma import copy_text, normalise
from integrahub.domain.products import COLUMNS, TEXTS, Fault

_SQL = blocks("products")
_TEXTS = frozenset(TEXTS)
_DEFAULTS = tuple("" if name in _TEXTS else "{}" if name == "price_promos" else None for name in COLUMNS)
_VALUES = slice(1, 1 + len(COLUMNS))
_TITLE = 1 + COLUMNS.index("title")
Row = dict[str, Any]


async def apply(
    connection: Connection, claim: Row, payload: Payload, max_record: int, put: Put = put_whole
) -> dict[str, int]:
    """Write what a chunk changes and give its counters; the caller holds the chunk's lock and commits.

    UnfitValue when PostgreSQL refuses a row and `put` does not isolate it.

    Counters: inserted, updated, unchanged, merged, rejected, reactivated, warnings; the first five add up to the
    records the chunk answers for.
    """
    await connection.execute(_SQL["pin_plan"])
    key = {"batch_id": claim["batch_id"], "number": claim["number"], "pharmacy_id": claim["pharmacy_id"]}
    slots = await (await connection.execute(_SQL["count_slots"], key)).fetchone()
    probed = await (await connection.execute(_SQL["probe"], key)).fetchall()
    assert slots is not None
    differing = {row["product_id"] for row in probed if row["product_id"]}
    unread = sum(1 for row in probed if not row["product_id"])
    skipped = slots["products"] - len(differing)
    skipped_repeats = slots["records"] - len(probed) - skipped
    change = _Change(claim, probed, payload, max_record, put)
    await change.write(connection)
    counters = change.counters | {"unchanged": change.counters["unchanged"] + skipped}
    counters["merged"] += skipped_repeats
    settled = sum(counters[name] for name in ("inserted", "updated", "unchanged", "merged", "rejected"))
    if settled != slots["records"]:
        raise ArithmeticError(f"{slots['records']} records, {settled} accounted for ({unread} unread): {counters}")
    return counters


class _Change:
    """The records of a chunk that differ from the table."""

    def __init__(self, claim: Row, probed: list[Row], payload: Payload, max_record: int, put: Put) -> None:
        self._claim = claim
        self._put = put
        self._hash = {row["product_id"]: row["hash"] for row in probed}
        self._known = {row["product_id"] for row in probed if row["known"]}
        self._inactive = {row["product_id"] for row in probed if row["inactive"]}
        records = [
            (payload.positions[slot], payload.offsets[slot], row["product_id"], record_at(payload, slot))
            for row in probed
            for slot in (row["slot"],)
        ]
        self._normal = normalise(
            records,
            cnpj=claim["cnpj"],
            load_type=claim["load_type"],
            zone=ZoneInfo(claim["time_zone"]),
            max_record=max_record,
        )
        self._faults: list[Fault] = list(self._normal.faults)
        nothing = dict.fromkeys(("inserted", "updated", "unchanged", "superseded", "reactivated", "warnings"), 0)
        self.counters = nothing | {"merged": self._normal.merged, "rejected": self._normal.rejected}

    async def write(self, connection: Connection) -> None:
        """New products, changed products, faults; then the counters are final."""
        rows = sorted(self._normal.products, key=lambda row: row[0])
        new = [row for row in rows if row[0] not in self._known]
        old = [row for row in rows if row[0] in self._known]
        await self._insert(connection, new)
        await self._merge(connection, old)
        await self._report(connection)

    async def _insert(self, connection: Connection, rows: list[Any]) -> None:
        async def write(part: Sequence[Any]) -> None:
            await _copy(connection, "copy_new", [self._new_line(row) for row in part])

        titled = [row for row in rows if row[_TITLE]]
        refused = await self._put(connection, titled, write)
        self.counters["inserted"] = len(titled) - len(refused)
        self._reject([row for row in rows if not row[_TITLE]], "TITLE", "title_missing")
        self._reject(refused, "", "record_refused")

    def _new_line(self, row: Any) -> tuple[str | None, ...]:
        pharmacy, batch = str(self._claim["pharmacy_id"]), str(self._claim["batch_id"])
        return (pharmacy, batch, self._stored_hash(row[0]), str(row[0]), *_filled(row))

    def _reject(self, rows: Sequence[Any], field: str, code: str) -> None:
        for row in rows:
            position, offset, _ = row[_VALUES.stop :]
            self._faults.append(Fault(position, offset, "rejected", str(row[0]), field, code, ""))
            self.counters["rejected"] += 1

    async def _merge(self, connection: Connection, rows: list[Any]) -> None:
        key = {"batch_id": self._claim["batch_id"], "pharmacy_id": self._claim["pharmacy_id"]}

        async def write(part: Sequence[Any]) -> None:
            await connection.execute(_SQL["create_stage"])
            await connection.execute(_SQL["clear_stage"])
            lines = [(self._stored_hash(row[0]), str(row[0]), *row[_VALUES]) for row in part]
            await _copy(connection, "copy_stage", lines)
            merged = await connection.execute(_SQL[f"merge_{self._claim['load_type']}"], key)
            self.counters["updated"] += merged.rowcount

        refused = await self._put(connection, rows, write)
        self.counters["unchanged"] = len(rows) - len(refused) - self.counters["updated"]
        gone = {row[0] for row in refused}
        self.counters["reactivated"] = sum(1 for row in rows if row[0] in self._inactive - gone)
        self._reject(refused, "", "record_refused")

    def _stored_hash(self, product_id: int) -> str | None:
        # A product with faults is looked at again each time, so that they are reported again.
        return None if str(product_id) in self._faulty else str(self._hash[product_id])

    @property
    def _faulty(self) -> frozenset[str]:
        if not hasattr(self, "_faulty_ids"):
            self._faulty_ids = frozenset(fault.product_id for fault in self._normal.faults)
        return self._faulty_ids

    async def _report(self, connection: Connection) -> None:
        severities = Counter(fault.severity for fault in self._faults)
        self.counters["warnings"] = severities["warning"]
        await record_faults.add(connection, self._claim["batch_id"], self._claim["number"], self._faults)


def record_at(payload: Payload, slot: int) -> bytes | Oversize:
    """The record in a slot, or what is kept of one too long."""
    length = payload.oversize.get(slot)
    return payload.records[slot] if length is None else Oversize(payload.records[slot], length)


def _filled(row: Any) -> tuple[str | None, ...]:
    return tuple(default if value is None else value for value, default in zip(row[_VALUES], _DEFAULTS, strict=True))


async def _copy(connection: Connection, statement: str, lines: list[Any]) -> None:
    cursor = connection.cursor()
    async with cursor.copy(_SQL[statement]) as copy:
        await copy.write(copy_text(lines))
