"""Reader of the pharmacy that the first record of a body names."""

from collections.abc import Sequence
from typing import Any

import msgspec

from integrahub.domain.dialects.base import FirstRecord
from integrahub.domain.dialects.inovafarma.values import parse_decimal
from integrahub.domain.parsing.first_value import read_first_value
from integrahub.domain.pharmacies import unmask

_NAME_KEYS = ("PHARMACY_NAME", "PHARMACY", "SHOP_NAME", "SHOPNAME", "FARMACIA", "NAME")
_CITY_KEYS = ("CITY", "CIDADE")
_STATE_KEYS = ("STATE", "UF")
_MAX_TEXT = 200  # characters
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=parse_decimal)


def read_first_record(head: bytes, media_type: str = "application/json") -> FirstRecord:
    """Return the pharmacy that the first record names; `head` is the beginning of a decoded body."""
    record = read_first_value(head, media_type)
    if record is None:
        return FirstRecord(problem="body_empty")
    try:
        fields = {key.upper(): value for key, value in _OBJECT.decode(record).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return FirstRecord()
    cnpj = fields.get("CNPJ")
    return FirstRecord(
        cnpj=unmask(cnpj) if isinstance(cnpj, str | int) and not isinstance(cnpj, bool) else "",
        name=_first_text(fields, _NAME_KEYS),
        city=_first_text(fields, _CITY_KEYS),
        state=_first_text(fields, _STATE_KEYS),
    )


def _first_text(fields: dict[str, Any], keys: Sequence[str]) -> str:
    values = (fields.get(key) for key in keys)
    texts = (value.replace("\0", "").strip() for value in values if isinstance(value, str))
    return next((text[:_MAX_TEXT] for text in texts if text), "")
