"""The small ERP's records as the reference model reads them, and random loads. Imports nothing of the hub."""

import random
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.reference_model.dialects import Rejected

_COLUMNS = {"marca": "brand", "codigo_barras": "ean"}
_KNOWN = {"id", "loja", "nome", "preco", "saldo", "ofertas", "alterado", *_COLUMNS}
_VALUES: dict[str, list[Any]] = {
    "nome": ["A", " B ", "", None],
    "preco": ["1", "2.5", "1.000", "3.00005", "", None, "12,50", "-1", 4],
    "saldo": ["0", "4.5", "x", None],
    "ofertas": [[], ["9.90"], ["8.5", "7.25", "8.5"], "8.5", None, [1]],
    "marca": ["", "X", None],
    "codigo_barras": ["789", ""],
    "alterado": ["02/01/2026 03:04:05", "2026-01-02", ""],
    "observacao": ["a", 1, [1, {"b": None}]],
}


class BalcaoRecords:
    """The dialect again: the last record with offers replaces all earlier offers."""

    title_key = "nome"
    price_key = "preco"

    def identity(self, record: Any) -> int:
        value = record.get("id") if isinstance(record, dict) else None
        return value if isinstance(value, int) and value > 0 else 0

    def read(self, record: Any, cnpj: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if not isinstance(record, dict):
            raise Rejected("", "not_object")
        if record.get("loja") not in (None, "", cnpj):
            raise Rejected("loja", "cnpj_mismatch")
        if not self.identity(record):
            raise Rejected("id", "product_id_missing" if record.get("id") is None else "product_id_invalid")
        values: dict[str, Any] = {"extra": {key: value for key, value in record.items() if key not in _KNOWN}}
        warnings = []
        values |= {column: record[key] or "" for key, column in _COLUMNS.items() if key in record}
        if (record.get("nome") or "").strip():
            values["title"] = record["nome"].strip()
        if record.get("preco"):
            if _amount(record["preco"], 4) is None:
                raise Rejected("preco", "price_invalid")
            values["price"] = _amount(record["preco"], 4)
        if record.get("saldo"):
            values |= {"stock": stock} if (stock := _amount(record["saldo"], 3)) is not None else {}
            warnings += [("saldo", "number_unreadable")] * (stock is None)
        if "ofertas" in record:
            offers = [_amount(offer, 4) for offer in record["ofertas"] or [None]]
            if record["ofertas"] == []:
                offers = []
            values |= {"promo": sorted({o for o in offers if o is not None})} if None not in offers else {}
            warnings += [("ofertas", "number_unreadable")] * (None in offers)
        if date := record.get("alterado"):
            is_date = re.fullmatch(r"([0-9]{2})/([0-9]{2})/([0-9]{4}) ([0-9:]{8})", date)
            values |= {"source_updated_at": "{2}-{1}-{0} {3}".format(*is_date.groups())} if is_date else {}
            warnings += [("alterado", "date_unreadable")] * (not is_date)
        return values, warnings

    def promotions(self, kind: str, group: list[dict[str, Any]]) -> list[Decimal] | None:
        offers = [values["promo"] for values in (group[-1:] if kind == "full" else group) if "promo" in values]
        return offers[-1] if offers else None


def _amount(value: Any, places: int) -> Decimal | None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return None
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def load(draw: random.Random, longest: int) -> tuple[str, list[Any]]:
    """Return a load type and up to `longest` records, some of them faulty or repeated."""
    first = {"id": draw.randint(1, 20), "nome": f"first of {draw.random()}"}
    return draw.choice(["full", "delta", "delta"]), [first, *(_record(draw) for _ in range(draw.randint(0, longest)))]


def _record(draw: random.Random) -> Any:
    if draw.random() < 0.05:
        return draw.choice([7, {"nome": "no id"}, {"id": "5"}, {"id": 0}, {"id": 1, "loja": "33000167000101"}])
    fields = {key: draw.choice(values) for key, values in _VALUES.items() if draw.random() < 0.3}
    plain = {"id": draw.randint(1, 30), "nome": "T", "preco": f"{draw.randint(1, 99)}.{draw.randint(0, 99):02}"}
    return plain | (fields if draw.random() < 0.5 else {})
