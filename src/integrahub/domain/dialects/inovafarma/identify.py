"""Product ids and hashes of records."""

import re
from array import array
from collections.abc import Iterable, Sequence
from operator import eq
from typing import Any

import msgspec
import xxhash

from integrahub.domain.copy_text import to_bigints
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, parse_decimal, parse_product_id
from integrahub.domain.parsing.reader import OversizeRecord, Record

VERSION = 1  # increase it when the meaning of records changes, so that all stored hashes differ
_INDICE = re.compile(rb'"INDICE"[ \t\r\n]*:[ \t\r\n]*(?:"[^"\\]*"|[^,}\]"]*)')


class _Identified(msgspec.Struct, gc=False):
    """The two keys of a record that `identify_all` needs; msgspec skips the others."""

    PRODUCTID: int | str
    INDICE: int | float | str | None = None


_RECORD = msgspec.json.Decoder(_Identified)
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_ARRAY = msgspec.json.Decoder(list[_Identified])
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=parse_decimal)


def identify(record: Record) -> int:
    """Return the product id of a record; 0 if it cannot be read."""
    if isinstance(record, OversizeRecord):
        return 0
    try:
        return parse_product_id(_RECORD.decode(record).PRODUCTID)
    except UnreadableValue:
        return 0
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _identify_in_any_case(record)


def _identify_in_any_case(record: bytes | msgspec.Raw) -> int:
    try:
        fields = _OBJECT.decode(record)
        any_case = {key.upper(): value for key, value in fields.items() if key.upper() == "PRODUCTID"}
        return parse_product_id((any_case | fields).get("PRODUCTID"))
    except (UnreadableValue, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def identify_all(records: Sequence[Record]) -> list[int]:
    """Return the product id of each record, decoding all together if possible."""
    return _read_ids(records, _decode_together(records))


def identify_and_hash(records: Sequence[msgspec.Raw | bytes], seed: int) -> tuple[list[int], list[bytes], "array[int]"]:
    """Return product ids, raw texts and hashes of records, decoding all together if possible."""
    decoded, texts = _decode_together(records), [bytes(record) for record in records]
    indices = [record.INDICE for record in decoded] if decoded else []
    without_indices = _remove_known_indices(texts, indices) or map(_remove_indice, texts)
    return _read_ids(records, decoded), texts, _hash_all(without_indices, seed)


def _decode_together(records: Sequence[Record]) -> list[_Identified] | None:
    try:
        # A line of NDJSON may be no JSON value. Joined with others it could form a valid array, so check it alone.
        for record in records:
            if type(record) is not msgspec.Raw:
                _VALUE.decode(record)  # type: ignore[arg-type]
        return _ARRAY.decode(b"[" + b",".join(records) + b"]")  # type: ignore[arg-type]
    except (TypeError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _read_ids(records: Sequence[Record], decoded: list[_Identified] | None) -> list[int]:
    if decoded is None:
        return [identify(record) for record in records]
    ids: list[Any] = [record.PRODUCTID for record in decoded]
    if {int}.issuperset(map(type, ids)) and ids and min(ids) > 0 and max(ids) < 1 << 63:
        return ids
    try:
        return [parse_product_id(product_id) for product_id in ids]
    except UnreadableValue:
        return [identify(record) for record in records]


def derive_seed(load_type: str, time_zone: str) -> int:
    """Return the seed of record hashes, made of all that changes the meaning of a record."""
    return xxhash.xxh3_64_intdigest(f"{VERSION}|{load_type}|{time_zone}".encode())


def hash_record(raw: bytes, seed: int) -> int:
    """Return the hash of a record as a bigint, without INDICE, which changes with the position of the record."""
    return _hash_all([_remove_indice(raw)], seed)[0]


def _hash_all(texts: Iterable[bytes], seed: int) -> "array[int]":
    digest = xxhash.xxh3_64_intdigest
    return to_bigints([digest(text, seed) for text in texts])


def _remove_known_indices(texts: list[bytes], indices: list[Any]) -> list[bytes] | None:
    """Remove INDICE, whose decoded values are given, from flat records; None if a record needs `_remove_indice`."""
    if not indices or not {int}.issuperset(map(type, indices)):
        return None
    joined = b"".join(texts)
    if joined.count(b"{") != len(texts) or b"[" in joined:
        return None
    removed = [text.replace(b'"INDICE":%d' % indice, b"", 1) for text, indice in zip(texts, indices, strict=True)]
    return None if any(map(eq, removed, texts)) else removed


def _remove_indice(raw: bytes) -> bytes:
    """Remove INDICE from a flat record that has it once; return other records unchanged."""
    match = _INDICE.search(raw)
    if match is None or raw.find(b"{", 1) > 0 or raw.find(b"[") > 0 or _INDICE.search(raw, match.end()):
        return raw
    return raw[: match.start()] + raw[match.end() :]
