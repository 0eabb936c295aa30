"""Record of changes by the model: what each batch changed, and the table that the hub's rows lead to.

Imports nothing of the hub.
"""

import json
from decimal import Decimal
from typing import Any

Products = dict[int, tuple[dict[str, Any], bool]]  # columns, whether active
RECORDED = """SELECT x.seq, x.product_id, x.kind, x.stock_only, x.fields::text, x.batch_id, b.id AS batch_by_seq
FROM product_changes x JOIN pharmacies f ON f.id = x.pharmacy_id
LEFT JOIN batches b ON b.pharmacy_id = x.pharmacy_id AND b.received_seq = x.seq
WHERE f.cnpj = %s ORDER BY x.seq"""
_NAMES = {"promos": "price_promos"}
_BLANK = {"title": "", "brand": "", "ean": "", "price": None, "stock": None, "price_promos": [], "extra": None}


class ChangesByModel:
    """Changes of one pharmacy that the model expects, by number of the batch and product."""

    def __init__(self) -> None:
        self._expected: dict[tuple[int, int], tuple[str, bool, Any]] = {}
        self._tables: dict[int, dict[int, dict[str, Any]]] = {0: {}}
        self._last = 0

    def add(self, seq: int, before: Products, after: Products) -> None:
        """Add what the batch with this number changed. The first load into an empty catalogue is one reset."""
        old, new = _to_table(before), _to_table(after)
        self._tables[seq], self._last = new, seq
        if not old and new:
            self._expected[seq, 0] = ("reset", False, None)
            return
        for product_id, columns in new.items():
            if product_id not in old:
                self._expected[seq, product_id] = (
                    "inserted",
                    False,
                    _diff(_BLANK | {"is_active": True}, columns, None),
                )
            elif before[product_id] != after[product_id]:
                self._add_known(seq, product_id, old[product_id], columns)

    def _add_known(self, seq: int, product_id: int, old: dict[str, Any], new: dict[str, Any]) -> None:
        fields = _diff(old, new)
        kind = "updated"
        if "is_active" in fields:
            kind = "reactivated" if fields.pop("is_active")[1] else "deactivated"
        self._expected[seq, product_id] = (kind, kind == "updated" and not fields.keys() - {"stock"}, fields)

    def compare(self, rows: list[dict[str, Any]], context: str) -> None:
        """Raise AssertionError if rows are missing or unexpected, or do not lead from empty to the table."""
        assert all(row["batch_id"] == row["batch_by_seq"] for row in rows), context
        recorded = {(row["seq"], row["product_id"]): _of_row(row) for row in rows}
        assert len(recorded) == len(rows), f"{context}: a change is recorded twice"
        assert recorded == self._expected, context
        assert self._replay(rows, context) == self._tables[self._last], context

    def _replay(self, rows: list[dict[str, Any]], context: str) -> dict[int, dict[str, Any]]:
        table: dict[int, dict[str, Any]] = {}
        for row in rows:
            kind, _, fields = _of_row(row)
            if kind == "reset":
                table = {number: dict(columns) for number, columns in self._tables[row["seq"]].items()}
                continue
            product = table.setdefault(row["product_id"], _BLANK | {"is_active": True})
            for name, (before, after) in (fields or {}).items():
                assert before is None if kind == "inserted" else before == product[name], f"{context}: {row}"
                product[name] = after
            if kind in ("deactivated", "reactivated"):
                product["is_active"] = kind == "reactivated"
        return table


def _of_row(row: dict[str, Any]) -> tuple[str, bool, Any]:
    fields = json.loads(row["fields"], parse_float=Decimal, parse_int=Decimal) if row["fields"] else None
    if row["kind"] == "deactivated":
        fields = fields or {}
    return row["kind"], row["stock_only"], fields


def _to_table(products: Products) -> dict[int, dict[str, Any]]:
    """Return the compared columns of each product, as JSON values."""
    return {
        number: {
            _NAMES.get(name, name): _to_json(value or None if name == "extra" else value)
            for name, value in columns.items()
            if name not in ("indice", "source_updated_at")
        }
        | {"is_active": active}
        for number, (columns, active) in products.items()
    }


def _to_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=float), parse_float=Decimal, parse_int=Decimal)


def _diff(old: dict[str, Any], new: dict[str, Any], *shown: None) -> dict[str, list[Any]]:
    """Return the columns that differ with both values. `shown` stands for the values before, if given."""
    return {name: [*(shown or (old[name],)), new[name]] for name in new if old[name] != new[name]}
