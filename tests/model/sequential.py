"""What the hub should hold: batches applied one at a time, records in order. Imports nothing of the hub."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

Record = Any  # decoded JSON of one record
TEXTS = {"BRAND": "brand", "EAN": "ean"}
PRICES = {"PRICE": "price"}
NUMBERS = {"QUANTITY": "stock", "INDICE": "indice"}
DATES = {"DATAATUALIZACAOPRODUTO": "source_updated_at"}
KNOWN = {"CNPJ", "PRODUCTID", "TITLE", "PRICEPROMO", *TEXTS, *PRICES, *NUMBERS, *DATES}
EMPTY = {"title": "", "brand": "", "ean": "", "price": None, "stock": None, "indice": None, "source_updated_at": None}
Fault = tuple[int, str, str, str]  # position, severity, field, code


class Rejected(Exception):
    """field, code"""


@dataclass
class Product:
    columns: dict[str, Any]
    active: bool = True


@dataclass
class Load:
    """One load and what became of it."""

    kind: str  # full or delta
    records: list[Record]
    ids: set[int] = field(default_factory=set)
    unreadable: int = 0
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTERS, 0))
    faults: list[Fault] = field(default_factory=list)
    status: str = ""
    deactivation: str = "none"


_COUNTERS = ("inserted", "updated", "unchanged", "merged", "rejected", "deactivated")


def number(value: Any, places: int) -> Decimal | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(value).strip()
    if re.fullmatch(r"-?[0-9.]*,[0-9]+", text):
        text = text.replace(".", "").replace(",", ".")
    exact = Decimal(text)
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def identity(record: Record) -> int:
    """The product id, or 0."""
    value = record.get("PRODUCTID") if isinstance(record, dict) else None
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return value if isinstance(value, int) and value > 0 else 0


class Pharmacy:
    """A catalogue and the loads that made it."""

    def __init__(self, cnpj: str) -> None:
        self.cnpj = cnpj
        self.products: dict[int, Product] = {}
        self.loads: list[Load] = []

    def apply(self, load: Load) -> None:
        """One load, whole."""
        self.loads.append(load)
        before = {number for number, product in self.products.items() if product.active}
        groups: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for position, record in enumerate(load.records):
            self._take(load, position, record, groups)
        for product_id, group in groups.items():
            self._merge(load, product_id, group)
        applied = sum(load.counters[name] for name in ("inserted", "updated", "unchanged"))
        load.status = "FAILED" if not applied else "PARTIAL_FAIL" if load.counters["rejected"] else "COMPLETED"
        if load.kind == "full" and applied:
            self._deactivate(load, before)

    def approve(self, load: Load) -> None:
        """Deactivate what the held load and all after it do not have."""
        later = self.loads[self.loads.index(load) :]
        present = set().union(*(other.ids for other in later))
        gone = [p for number, p in self.products.items() if p.active and number not in present]
        for product in gone:
            product.active = False
        load.deactivation, load.counters["deactivated"] = "approved", len(gone)

    def _take(self, load: Load, position: int, record: Record, groups: dict[int, Any]) -> None:
        product_id = identity(record)
        load.ids |= {product_id} - {0}
        load.unreadable += not product_id
        try:
            values, warnings = self._read(record)
        except Rejected as rejected:
            load.counters["rejected"] += 1
            load.faults.append((position, "rejected", *rejected.args))
            return
        load.faults += [(position, "warning", name, code) for name, code in warnings]
        groups.setdefault(product_id, []).append((position, values))

    def _read(self, record: Record) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if not isinstance(record, dict):
            raise Rejected("", "not_object")
        if record.get("CNPJ") not in (None, "") and re.sub(r"\D", "", str(record["CNPJ"])).zfill(14) != self.cnpj:
            raise Rejected("CNPJ", "cnpj_mismatch")
        value = record.get("PRODUCTID")
        if value is None or value == "":
            raise Rejected("PRODUCTID", "product_id_missing")
        if not identity(record):
            raise Rejected("PRODUCTID", "product_id_invalid")
        values: dict[str, Any] = {"extra": {k: v for k, v in record.items() if k not in KNOWN}}
        warnings: list[tuple[str, str]] = []
        for key in record:
            self._field(key, record[key], values, warnings)
        return values, warnings

    def _field(self, key: str, value: Any, values: dict[str, Any], warnings: list[tuple[str, str]]) -> None:
        try:
            if key in TEXTS:
                values[TEXTS[key]] = value or ""
            elif key == "TITLE" and value and value.strip():
                values["title"] = value.strip()
            elif key == "PRICEPROMO" and number(value, 4) is not None:
                values["promo"] = number(value, 4)
            elif key in PRICES | NUMBERS and (amount := number(value, 4 if key in PRICES else 3)) is not None:
                if key in PRICES and amount < 0:
                    raise InvalidOperation
                values[(PRICES | NUMBERS)[key]] = amount
            elif key in DATES and value:
                if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", value):
                    warnings.append((key, "date_unreadable"))
                else:
                    values[DATES[key]] = value.replace("T", " ")
        except InvalidOperation:
            if key in PRICES:
                raise Rejected(key, "price_invalid") from None
            warnings.append((key, "number_unreadable"))

    def _merge(self, load: Load, product_id: int, group: list[tuple[int, dict[str, Any]]]) -> None:
        load.counters["merged"] += len(group) - 1
        known = self.products.get(product_id)
        promotions = [values["promo"] for _, values in group if "promo" in values]
        fresh = {"promos": sorted({p for p in promotions if p})} if promotions else {}
        extra = {} if load.kind == "full" else dict(known.columns["extra"]) if known else {}
        for _, values in group if load.kind == "delta" else group[-1:]:
            extra |= values["extra"]
            fresh |= {name: value for name, value in values.items() if name not in ("promo", "extra")}
        base = known.columns if known and load.kind == "delta" else EMPTY | {"promos": []}
        columns = base | fresh | {"extra": extra}
        if not columns["title"]:
            load.counters["rejected"] += 1
            load.faults.append((group[-1][0], "rejected", "TITLE", "title_missing"))
        elif known is None:
            self.products[product_id] = Product(columns)
            load.counters["inserted"] += 1
        elif known.active and all(known.columns[name] == columns[name] for name in columns if name != "indice"):
            load.counters["unchanged"] += 1
        else:
            self.products[product_id] = Product(columns)
            load.counters["updated"] += 1

    def _deactivate(self, load: Load, before: set[int]) -> None:
        for earlier in self.loads:
            if earlier.deactivation == "held":
                earlier.deactivation = "superseded"
        gone = before - load.ids
        share = len(gone) / max(1, len(before))
        if gone and (load.unreadable or (share > 0.15 and len(gone) > 50) or (share > 0.5 and len(gone) > 5)):
            load.deactivation = "held"
        elif gone:
            load.deactivation, load.counters["deactivated"] = "applied", len(gone)
            for product_id in gone:
                self.products[product_id].active = False
