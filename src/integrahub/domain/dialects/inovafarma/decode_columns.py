"""Whole chunks at once: where records are as they usually are, columns are checked in bulk and written as COPY text.

What is read here is read exactly as `inovafarma_records` reads it; whatever is not sure to be so is left to that.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from integrahub.domain.copy_text import ESCAPES, NULL
from integrahub.domain.dialects.base import DecodedLines
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, number, product_id
from integrahub.domain.pharmacies import unmask

_BLANK = " \t\r\n"
_LARGEST = 1e9  # larger numbers are read one by one
_LEAST_PROMOTION = 0.0001  # below it rounding decides whether there is one
_TEXTS = ("DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "COLOR", "EAN", "SHOPID", "SIZE", "MEASURE")
_NUMBERS = {"PRICE": 4, "WHOLESALEPRICE": 4, "PRICEPROMO": 4, "QUANTITY": 3, "WHOLESALEMIN": 3, "INDICE": 3}
_NEVER_NEGATIVE = frozenset(["PRICE", "WHOLESALEPRICE", "PRICEPROMO"])
_DATES = ("DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE")
_KEYS = (  # in the order of `products.COLUMNS`; `extra` is always NULL here
    *("TITLE", "DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "COLOR", "EAN", "SHOPID", "SIZE"),
    *("PRICE", "WHOLESALEPRICE", "PRICEPROMO", "QUANTITY", "WHOLESALEMIN", "MEASURE", "INDICE", *_DATES),
)
_NULL_TEXT = re.compile(rb'"(' + "|".join(_TEXTS).encode() + rb')"([ \t\r\n]*:[ \t\r\n]*)null')
_COLUMNS = "\t".join(["%s"] * (2 + len(_KEYS))) + f"\t{NULL}\n"  # the hash and the product id before them
_ZONE = attrgetter("tzinfo")
_NOTHING = type(None)


class _SlowPathNeeded(Exception):
    """Something is to be read record by record."""


def _decoder(missing_text: str) -> "msgspec.json.Decoder[list[Any]]":
    """Arrays of flat records with known keys only."""
    kinds: dict[str, Any] = dict.fromkeys(_TEXTS, int | str) | dict.fromkeys(_NUMBERS, float | int | str | None)
    kinds |= dict.fromkeys(_DATES, str | None) | {"TITLE": int | str | None}
    fields: list[Any] = [("PRODUCTID", int | str), ("CNPJ", int | str | None, None)]
    fields += [(key, kinds[key], missing_text if key in _TEXTS else None) for key in _KEYS]
    record = msgspec.defstruct("UsualRecord", fields, gc=False, kw_only=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


# An absent text is empty in a FULL and stays in a DELTA; the marker cannot be a client's text, which would be escaped.
_DECODERS = {"full": _decoder(""), "delta": _decoder(NULL)}


def decode_columns(
    records: bytes, hashes: Sequence[int], *, cnpj: str, load_type: str, owner: str = ""
) -> DecodedLines | None:
    """The lines of a JSON array of records, none over the length limit; None when any is unusual.

    A line begins with `owner`, which ends with a tab when there is one, the record's hash and the product id. There may
    be more hashes than records.
    Unusual is what would be rejected, warned of or merged, and what is seldom sent: unknown keys, zoned times, ...
    """
    try:
        found = _DECODERS[load_type].decode(_with_empty_texts(records))
        sent_ids, cnpjs, *columns = zip(*map(msgspec.structs.astuple, found), strict=True)
        ids = _ids(sent_ids)
        if any(sent and cnpj not in (unmask(sent), str(sent)) for sent in set(cnpjs)):
            raise _SlowPathNeeded
        checked = _checked(dict(zip(_KEYS, columns, strict=True)), load_type, escaped=b"\\" in records)
        rows = zip(hashes[: len(ids)], ids, *checked.values(), strict=True)
        texts = list(map(f"{owner}{_COLUMNS}".__mod__, rows))
        return DecodedLines(ids, texts)
    except (_SlowPathNeeded, UnreadableValue, ValueError, RecursionError):
        return None


def _with_empty_texts(records: bytes) -> bytes:
    """Null texts as empty ones. Without a backslash no text of a record can hold a quote, and so none a key."""
    if b"null" not in records:
        return records
    if b"\\" in records:
        raise _SlowPathNeeded
    return _NULL_TEXT.sub(rb'"\1"\2""', records)


def _checked(by_key: dict[str, Any], load_type: str, *, escaped: bool) -> dict[str, Any]:
    """The columns as COPY takes them."""
    by_key["TITLE"] = titles = _titles(by_key["TITLE"])
    if load_type == "full" and NULL in titles:
        raise _SlowPathNeeded
    for key in _NUMBERS:
        by_key[key] = _numbers(by_key[key], key, may_be_blank=load_type == "delta" or key != "PRICE")
    by_key["PRICEPROMO"] = _promotions(by_key["PRICEPROMO"], NULL if load_type == "delta" else "{}")
    for key in _DATES:
        by_key[key] = _dates(by_key[key])
    if escaped:
        by_key |= {key: _escaped(by_key[key]) for key in ("TITLE", *_TEXTS)}
    return by_key


def _ids(values: Sequence[Any]) -> Sequence[int]:
    if str in set(map(type, values)):
        values = [product_id(value) for value in values]
    if min(values) < 1 or max(values) >= 1 << 63 or len(set(values)) < len(values):
        raise _SlowPathNeeded
    return values


def _titles(values: Sequence[Any]) -> Sequence[str]:
    if set(map(type, values)) != {str}:
        values = ["" if value is None else str(value) for value in values]
    return [value.strip(_BLANK) or NULL for value in values]


def _check_texts(values: Sequence[Any], key: str, *, may_be_blank: bool) -> None:
    """Leave prices in text that are warned of, or may be, to the reader of single records."""
    texts = [value.strip() for value in values if type(value) is str]
    is_ambiguous = key in _NEVER_NEGATIVE and any(text[-4:-3] == "." for text in texts)
    if is_ambiguous or (not may_be_blank and "" in texts):
        raise _SlowPathNeeded


def _numbers(values: Sequence[Any], key: str, *, may_be_blank: bool) -> Sequence[Any]:
    kinds, places = set(map(type, values)), _NUMBERS[key]
    least = 0.0 if key in _NEVER_NEGATIVE else -_LARGEST
    if str in kinds:
        _check_texts(values, key, may_be_blank=may_be_blank)
        values = [number(value, places) if type(value) is str else value for value in values]
        kinds = set(map(type, values))
    known = values if _NOTHING not in kinds else [value for value in values if value is not None]
    if known and not (min(known) >= least and max(known) < _LARGEST):
        raise _SlowPathNeeded
    return values if known is values else [NULL if value is None else value for value in values]


def _promotions(values: Sequence[Any], absent: str) -> Sequence[str]:
    if any(value is not NULL and 0 < value < _LEAST_PROMOTION for value in values):
        raise _SlowPathNeeded
    return [absent if value is NULL else f"{{{value}}}" if value else "{}" for value in values]


def _dates(values: Sequence[Any]) -> Sequence[str]:
    known = values if all(values) else [value for value in values if value]
    together = "".join(known)
    lengths = {19, 23, 26}  # to the second, millisecond, microsecond
    plain = together.count("-") == 2 * len(known) and together.count("T") == len(known) and "," not in together
    if not plain or "W" in together or not lengths.issuperset(map(len, known)):
        raise _SlowPathNeeded
    if not {None}.issuperset(map(_ZONE, map(datetime.fromisoformat, known))):
        raise _SlowPathNeeded
    return values if known is values else [value or NULL for value in values]


def _escaped(values: Sequence[Any]) -> Sequence[Any]:
    texts = [value.translate(ESCAPES) if type(value) is str and value is not NULL else value for value in values]
    if any(type(value) is str and "\0" in value for value in texts):
        raise _SlowPathNeeded
    return texts
