"""Second implementation of reading a record: values, warnings, rejections. Imports nothing of the hub."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tests.reference_model.dialects import Rejected
from tests.reference_model.wire import as_number, digits, plain

COLUMNS = {"BRAND": "brand", "EAN": "ean", "PRICE": "price", "QUANTITY": "stock", "INDICE": "indice"}
COLUMNS |= {"TITLE": "title", "DATAATUALIZACAOPRODUTO": "source_updated_at"}


AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")


def number(value: Any, places: int) -> Decimal | None:
    """Return a number as the ERP writes it, rounded half away from zero."""
    text = as_number(value) or str(value).strip()
    if value is None or not text:
        return None
    if as_number(value) and "e-" in text:
        return Decimal(0)
    if re.fullmatch(r"-?[0-9.]*,[0-9]+", text):
        text = text.replace(".", "").replace(",", ".")
    return Decimal(text).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def identity(record: Any) -> int:
    """Return the product id, or 0 if it cannot be read."""
    value = record.get("PRODUCTID") if isinstance(record, dict) else None
    value = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    return value if isinstance(value, int) and value > 0 else 0


def read(record: Any, cnpj: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return a record's values and its warnings (field, code)."""
    if not isinstance(record, dict):
        raise Rejected("", "not_object")
    if record.get("CNPJ") not in (None, "") and re.sub(r"\D", "", str(record["CNPJ"])).zfill(14) != cnpj:
        raise Rejected("CNPJ", "cnpj_mismatch")
    if not identity(record):
        raise Rejected("PRODUCTID", f"product_id_{'missing' if record.get('PRODUCTID') in (None, '') else 'invalid'}")
    known = {"CNPJ", "PRODUCTID", "PRICEPROMO", *COLUMNS}
    values: dict[str, Any] = {"extra": {key: plain(value) for key, value in record.items() if key not in known}}
    warnings = []
    for key in [key for key in record if key in known - {"CNPJ", "PRODUCTID"}]:
        try:
            value = value_of(key, record[key])
        except InvalidOperation:
            if key == "PRICE":
                raise Rejected(key, "price_invalid") from None
            warnings.append((key, "date_unreadable" if key.startswith("DATA") else "number_unreadable"))
        else:
            values |= {} if value is None else {COLUMNS.get(key, "promo"): value}
            if key.startswith("PRICE") and isinstance(record[key], str) and not as_number(record[key]):
                warnings += [(key, "price_ambiguous")] * bool(AMBIGUOUS.fullmatch(record[key].strip()))
                values |= {"blank": True} if key == "PRICE" and not record[key].strip() else {}
    return values, warnings


def value_of(key: str, value: Any) -> Any:
    """Return a field's value, None if it counts as absent; raise InvalidOperation if it cannot be read."""
    if key in ("BRAND", "EAN"):
        return digits(value) or ""
    if key == "TITLE":
        return (value or "").strip() or None
    if key.startswith("DATA"):
        if value and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", value):
            raise InvalidOperation
        return value.replace("T", " ") if value else None
    amount = number(value, 4 if key.startswith("PRICE") else 3)
    if key == "PRICE" and amount is not None and amount < 0:
        raise InvalidOperation
    return amount


class InovaFarmaRecords:
    """The dialect of InovaFarma, whose promotions come one per record and add up."""

    title_key = "TITLE"
    price_key = "PRICE"
    identity = staticmethod(identity)
    read = staticmethod(read)

    def promotions(self, kind: str, group: list[dict[str, Any]]) -> list[Decimal] | None:
        promotions = [values["promo"] for values in group if "promo" in values]
        return sorted({promotion for promotion in promotions if promotion}) if promotions else None
