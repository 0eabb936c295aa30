"""Labels of records in reports: the EAN, and the keys as the client spelled them."""

from typing import Any

import msgspec

from integrahub.domain.dialects.base import RecordLabel
from integrahub.domain.dialects.inovafarma import keys
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, parse_decimal, to_text
from integrahub.domain.parsing.raw_records import OversizeRecord

_MAX_EAN = 64  # characters
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=parse_decimal)


def label_record(raw: bytes | OversizeRecord) -> RecordLabel:
    """Return the label of a record; an empty one for a record that cannot be read."""
    if isinstance(raw, OversizeRecord):
        return RecordLabel()
    try:
        fields = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return RecordLabel()
    spelled = keys.spell_known_keys(fields)
    return RecordLabel(_read_ean(fields.get(spelled.get("EAN", ""))), spelled)


def _read_ean(value: Any) -> str:
    try:
        return to_text(value).replace("\0", "").strip()[:_MAX_EAN]
    except UnreadableValue:
        return ""
