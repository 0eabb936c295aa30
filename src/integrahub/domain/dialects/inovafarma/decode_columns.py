"""Fast path of the decoder: checks the columns of many usual records in bulk and formats them as COPY text.

The result must equal that of `normalise`. Any record that this module could read differently goes to `normalise`.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from integrahub.domain.copy_text import ESCAPES, NULL
from integrahub.domain.dialects.base import DecodedLines
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, parse_number, parse_product_id
from integrahub.domain.pharmacies import unmask

_BLANK = " \t\r\n"
_MAX_NUMBER = 1e9  # larger numbers need the slow path
_MIN_PROMOTION = 0.0001  # smaller ones need the slow path, since rounding may make them 0
_TEXTS = ("DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "COLOR", "EAN", "SHOPID", "SIZE", "MEASURE")
_NUMBERS = {"PRICE": 4, "WHOLESALEPRICE": 4, "PRICEPROMO": 4, "QUANTITY": 3, "WHOLESALEMIN": 3, "INDICE": 3}
_NEVER_NEGATIVE = frozenset(["PRICE", "WHOLESALEPRICE", "PRICEPROMO"])
_DATES = ("DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE")
_KEYS = (  # in the order of `products.COLUMNS`; `extra` is always NULL here
    *("TITLE", "DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "COLOR", "EAN", "SHOPID", "SIZE"),
    *("PRICE", "WHOLESALEPRICE", "PRICEPROMO", "QUANTITY", "WHOLESALEMIN", "MEASURE", "INDICE", *_DATES),
)
_NULL_TEXT = re.compile(rb'"(' + "|".join(_TEXTS).encode() + rb')"([ \t\r\n]*:[ \t\r\n]*)null')
_LINE_FORMAT = "\t".join(["%s"] * (2 + len(_KEYS))) + f"\t{NULL}\n"  # hash, product id, columns, `extra`
_ZONE = attrgetter("tzinfo")
_NOTHING = type(None)


class _SlowPathNeeded(Exception):
    """A record needs the slow path, `normalise`."""


def _create_decoder(missing_text: str) -> "msgspec.json.Decoder[list[Any]]":
    """Create the decoder of arrays of flat records that have only known keys."""
    kinds: dict[str, Any] = dict.fromkeys(_TEXTS, int | str) | dict.fromkeys(_NUMBERS, float | int | str | None)
    kinds |= dict.fromkeys(_DATES, str | None) | {"TITLE": int | str | None}
    fields: list[Any] = [("PRODUCTID", int | str), ("CNPJ", int | str | None, None)]
    fields += [(key, kinds[key], missing_text if key in _TEXTS else None) for key in _KEYS]
    record = msgspec.defstruct("UsualRecord", fields, gc=False, kw_only=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


# An absent text becomes empty in a FULL and NULL (unchanged) in a DELTA. No client's text can equal NULL, since its
# backslash would be escaped.
_DECODERS = {"full": _create_decoder(""), "delta": _create_decoder(NULL)}


def decode_columns(
    records: bytes, hashes: Sequence[int], *, cnpj: str, load_type: str, owner: str = ""
) -> DecodedLines | None:
    """Decode a JSON array of records, none of them oversize; return None if any record needs the slow path.

    A line holds `owner`, which ends with a tab if not empty, the record's hash, the product id and the columns.
    `hashes` may be longer than the records. A record needs the slow path if it would be rejected, merged or get a
    warning, and if it has rare features such as unknown keys or times with a zone.
    """
    try:
        decoded = _DECODERS[load_type].decode(_replace_null_texts(records))
        raw_ids, cnpjs, *columns = zip(*map(msgspec.structs.astuple, decoded), strict=True)
        ids = _parse_ids(raw_ids)
        if any(sent and cnpj not in (unmask(sent), str(sent)) for sent in set(cnpjs)):
            raise _SlowPathNeeded
        checked = _check_columns(dict(zip(_KEYS, columns, strict=True)), load_type, escaped=b"\\" in records)
        rows = zip(hashes[: len(ids)], ids, *checked.values(), strict=True)
        texts = list(map(f"{owner}{_LINE_FORMAT}".__mod__, rows))
        return DecodedLines(ids, texts)
    except (_SlowPathNeeded, UnreadableValue, ValueError, RecursionError):
        return None


def _replace_null_texts(records: bytes) -> bytes:
    """Replace null texts by empty ones.

    Without a backslash no text contains a quote, so that the pattern matches only keys.
    """
    if b"null" not in records:
        return records
    if b"\\" in records:
        raise _SlowPathNeeded
    return _NULL_TEXT.sub(rb'"\1"\2""', records)


def _check_columns(by_key: dict[str, Any], load_type: str, *, escaped: bool) -> dict[str, Any]:
    """Return the columns by key as COPY reads them."""
    by_key["TITLE"] = titles = _strip_titles(by_key["TITLE"])
    if load_type == "full" and NULL in titles:
        raise _SlowPathNeeded
    for key in _NUMBERS:
        by_key[key] = _check_numbers(by_key[key], key, may_be_blank=load_type == "delta" or key != "PRICE")
    by_key["PRICEPROMO"] = _format_promotions(by_key["PRICEPROMO"], NULL if load_type == "delta" else "{}")
    for key in _DATES:
        by_key[key] = _check_dates(by_key[key])
    if escaped:
        by_key |= {key: _escape(by_key[key]) for key in ("TITLE", *_TEXTS)}
    return by_key


def _parse_ids(values: Sequence[Any]) -> Sequence[int]:
    if str in set(map(type, values)):
        values = [parse_product_id(value) for value in values]
    if min(values) < 1 or max(values) >= 1 << 63 or len(set(values)) < len(values):
        raise _SlowPathNeeded
    return values


def _strip_titles(values: Sequence[Any]) -> Sequence[str]:
    if set(map(type, values)) != {str}:
        values = ["" if value is None else str(value) for value in values]
    return [value.strip(_BLANK) or NULL for value in values]


def _check_texts(values: Sequence[Any], key: str, *, may_be_blank: bool) -> None:
    """Send texts to the slow path if they may be ambiguous prices or, for a price, blank."""
    texts = [value.strip() for value in values if type(value) is str]
    is_ambiguous = key in _NEVER_NEGATIVE and any(text[-4:-3] == "." for text in texts)
    if is_ambiguous or (not may_be_blank and "" in texts):
        raise _SlowPathNeeded


def _check_numbers(values: Sequence[Any], key: str, *, may_be_blank: bool) -> Sequence[Any]:
    kinds, places = set(map(type, values)), _NUMBERS[key]
    least = 0.0 if key in _NEVER_NEGATIVE else -_MAX_NUMBER
    if str in kinds:
        _check_texts(values, key, may_be_blank=may_be_blank)
        values = [parse_number(value, places) if type(value) is str else value for value in values]
        kinds = set(map(type, values))
    known = values if _NOTHING not in kinds else [value for value in values if value is not None]
    if known and not (min(known) >= least and max(known) < _MAX_NUMBER):
        raise _SlowPathNeeded
    return values if known is values else [NULL if value is None else value for value in values]


def _format_promotions(values: Sequence[Any], absent: str) -> Sequence[str]:
    if any(value is not NULL and 0 < value < _MIN_PROMOTION for value in values):
        raise _SlowPathNeeded
    return [absent if value is NULL else f"{{{value}}}" if value else "{}" for value in values]


def _check_dates(values: Sequence[Any]) -> Sequence[str]:
    known = values if all(values) else [value for value in values if value]
    together = "".join(known)
    lengths = {19, 23, 26}  # to the second, millisecond, microsecond
    plain = together.count("-") == 2 * len(known) and together.count("T") == len(known) and "," not in together
    if not plain or "W" in together or not lengths.issuperset(map(len, known)):
        raise _SlowPathNeeded
    if not {None}.issuperset(map(_ZONE, map(datetime.fromisoformat, known))):
        raise _SlowPathNeeded
    return values if known is values else [value or NULL for value in values]


def _escape(values: Sequence[Any]) -> Sequence[Any]:
    texts = [value.translate(ESCAPES) if type(value) is str and value is not NULL else value for value in values]
    if any(type(value) is str and "\0" in value for value in texts):
        raise _SlowPathNeeded
    return texts
