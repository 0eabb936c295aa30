"""Comparison of a hub's state with the model: every batch, report and product."""

import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integrahub.domain.chunks.formats import decode_chunk_object
from tests.reference_model.changes import RECORDED, ChangesByModel
from tests.reference_model.loads import COUNTERS, Load
from tests.reference_model.sequential import Pharmacy

Row = dict[str, Any]
Rows = Callable[..., list[Row]]
_COLUMNS = (
    "product_id, is_active, title, brand, ean, price, stock, indice, source_updated_at::text, price_promos, extra"
)
_NAMES = ("title", "brand", "ean", "price", "stock", "indice", "source_updated_at", "promos")
_DECIDED = "SELECT batch_id, deactivation_state, deactivated FROM dry_runs"
_OF = "JOIN pharmacies f ON f.id = x.pharmacy_id WHERE f.cnpj = %s"


class Comparison:
    """Comparison of one pharmacy: each call applies the newly final batches to the model, then compares everything.

    `sent`: the loads by batch id. `objects`: the folder of stored chunks, which tells what a cancelled batch left out.
    """

    def __init__(self, rows: Rows, cnpj: str, objects: Path, *, windowed: bool = False) -> None:
        self._rows = rows
        self._objects = objects
        self.model = Pharmacy(cnpj, windowed=windowed)
        self.sent: dict[str, Load] = {}
        self._changes = ChangesByModel()
        self._last = 0
        self._closed = 0

    def check(self, context: str = "") -> None:
        """Raise AssertionError with `context` where hub and model differ."""
        batches = self._rows(f"SELECT x.* FROM batches x {_OF} ORDER BY x.received_seq", [self.model.cnpj])
        decided = {row["batch_id"]: row for row in self._rows(_DECIDED)}
        batches = [batch | decided.get(batch["id"], {}) for batch in batches]
        assert [batch["received_seq"] for batch in batches] == list(range(1, len(batches) + 1)), context
        for batch in batches[self._last :]:
            before = dict(self.model.products)
            self._apply(batch)
            self._changes.add(batch["received_seq"], before, self.model.products)
        self._last = len(batches)
        self._closed = len(batches)  # what was quiet when this was called is no part of what comes later
        for batch in batches:
            if batch["kind"] in ("load", "replay", "dry_run"):
                self._compare(batch, self.sent[str(batch["id"])], context)
        products = self._rows(f"SELECT {_COLUMNS} FROM products x {_OF}", [self.model.cnpj])
        expected = {
            number: (active, *(columns[name] for name in _NAMES), columns["extra"] or None)
            for number, (columns, active) in self.model.products.items()
        }
        assert {row["product_id"]: tuple(list(row.values())[1:]) for row in products} == expected, context
        self._changes.compare(self._rows(RECORDED, [self.model.cnpj]), context)

    def _apply(self, batch: Row) -> None:
        seq, parent = batch["received_seq"], self.sent.get(str(batch["parent_id"]))
        if batch["kind"] == "approval":
            assert parent
            self.model.approve(parent)
        elif batch["kind"] == "window":
            loads = [load for load in self.model.loads if load.kind == "full" and not load.is_replay]
            self.model.close_window([load for load in loads if self._closed < load.origin < seq])
        elif batch["kind"] == "dry_run":
            copy.deepcopy(self.model).apply(self.sent[str(batch["id"])], seq)
        else:
            self._apply_load(batch, parent)

    def _apply_load(self, batch: Row, parent: Load | None) -> None:
        if parent:
            self.sent[str(batch["id"])] = Load(
                parent.kind, parent.records, parent.origin, is_replay=True, dialect=parent.dialect
            )
        load = self.sent[str(batch["id"])]
        if batch["status"] == "CANCELLED":
            load.status, load.left_out = "CANCELLED", self._left_out(batch)
        is_known = batch["items_total"] is not None
        (self.model.apply if is_known else self.model.void)(load, batch["received_seq"])

    def _left_out(self, batch: Row) -> set[int]:
        asked = "SELECT location, first_position, ids FROM batch_chunks WHERE batch_id = %s AND status = 'CANCELLED'"
        positions = set()
        for chunk in self._rows(asked, [batch["id"]]):
            first = chunk["first_position"]
            places = self._positions(chunk["location"]) if first is None else range(first, first + len(chunk["ids"]))
            positions |= {place for place, number in zip(places, chunk["ids"], strict=True) if number >= 0}
        return positions

    def _positions(self, location: str) -> list[int]:
        return decode_chunk_object((self._objects / location).read_bytes()).positions

    def _story(self) -> list[tuple[Any, ...]]:
        columns = "received_seq, kind, load_type, origin_seq, status, deactivation_state, full_from_seq"
        rows = self._rows(f"SELECT {columns} FROM batches x {_OF} ORDER BY received_seq", [self.model.cnpj])
        return [tuple(row.values()) for row in rows]

    def _compare(self, batch: Row, load: Load, context: str) -> None:
        found = tuple(batch[name] for name in (*COUNTERS, "dead", "status", "deactivation_state"))
        expected = (*(load.counters[name] for name in COUNTERS), 0, load.status, load.deactivation)
        asked = "SELECT position, severity, field, code FROM record_issues WHERE batch_id = %s"
        faults = Counter(tuple(row.values()) for row in self._rows(asked, [batch["id"]]))
        ours, theirs = faults - Counter(load.faults), Counter(load.faults) - faults
        if found != expected or ours or theirs:
            place = f"{context}, batch {batch['id']} ({batch['kind']} {batch['received_seq']}) of {self._story()}"
            raise AssertionError(f"{place}: {found} {dict(ours)}, by the model {expected} {dict(theirs)}")
