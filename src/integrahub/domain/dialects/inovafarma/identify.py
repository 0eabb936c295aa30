"""Product ids and hashes of records."""

import re
from array import array
from collections.abc import Iterable, Sequence
from operator import eq
from typing import Any

import msgspec
import xxhash

from integrahub.domain.copy_text import to_bigints
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, decimal_of
from integrahub.domain.dialects.inovafarma.values import product_id as read_product_id
from integrahub.domain.parsing.reader import OversizeRecord, Record

VERSION = 1  # of the normaliser: a change of meaning makes every stored hash differ
_INDICE = re.compile(rb'"INDICE"[ \t\r\n]*:[ \t\r\n]*(?:"[^"\\]*"|[^,}\]"]*)')


class _Identified(msgspec.Struct, gc=False):
    """A record's product id and its place in the body; the rest is passed over."""

    PRODUCTID: int | str
    INDICE: int | float | str | None = None


_ONE = msgspec.json.Decoder(_Identified)
_ANY = msgspec.json.Decoder(msgspec.Raw)
_MANY = msgspec.json.Decoder(list[_Identified])
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=decimal_of)


def identify(record: Record) -> int:
    """The record's product id; 0 when it has none that can be read."""
    if isinstance(record, OversizeRecord):
        return 0
    try:
        return read_product_id(_ONE.decode(record).PRODUCTID)
    except UnreadableValue:
        return 0
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _identify_by_any_spelling(record)


def _identify_by_any_spelling(record: bytes | msgspec.Raw) -> int:
    try:
        wire = _OBJECT.decode(record)
        spelled = {key.upper(): value for key, value in wire.items() if key.upper() == "PRODUCTID"}
        return read_product_id((spelled | wire).get("PRODUCTID"))
    except (UnreadableValue, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def identify_all(records: Sequence[Record]) -> list[int]:
    """`identify` of each record, in one reading when all are as usual."""
    return _ids_of(records, _identified(records))


def identify_and_hash(records: Sequence[msgspec.Raw | bytes], seed: int) -> tuple[list[int], list[bytes], "array[int]"]:
    """Of each record its product id, its text and its `hash_record`, in one reading when all are as usual."""
    found, texts = _identified(records), [bytes(record) for record in records]
    places = [record.INDICE for record in found] if found else []
    return _ids_of(records, found), texts, _hashes(_placeless_at(texts, places) or map(_placeless, texts), seed)


def _identified(records: Sequence[Record]) -> list[_Identified] | None:
    try:
        # Lines of NDJSON are only said to be records: joined, pieces of one would make another.
        for record in records:
            if type(record) is not msgspec.Raw:
                _ANY.decode(record)  # type: ignore[arg-type]
        return _MANY.decode(b"[" + b",".join(records) + b"]")  # type: ignore[arg-type]
    except (TypeError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _ids_of(records: Sequence[Record], identified: list[_Identified] | None) -> list[int]:
    if identified is None:
        return [identify(record) for record in records]
    found: list[Any] = [record.PRODUCTID for record in identified]
    if {int}.issuperset(map(type, found)) and found and min(found) > 0 and max(found) < 1 << 63:
        return found
    try:
        return [read_product_id(product_id) for product_id in found]
    except UnreadableValue:
        return [identify(record) for record in records]


def derive_seed(load_type: str, time_zone: str) -> int:
    """The seed of record hashes: whatever changes a record's meaning changes its hash."""
    return xxhash.xxh3_64_intdigest(f"{VERSION}|{load_type}|{time_zone}".encode())


def hash_record(raw: bytes, seed: int) -> int:
    """A bigint that tells records apart; INDICE, which moves with the record's place, is left out."""
    return _hashes([_placeless(raw)], seed)[0]


def _hashes(texts: Iterable[bytes], seed: int) -> "array[int]":
    digest = xxhash.xxh3_64_intdigest
    return to_bigints([digest(text, seed) for text in texts])


def _placeless_at(texts: list[bytes], places: list[Any]) -> list[bytes] | None:
    """Flat records without INDICE, whose values are known; None when one is not as usual."""
    if not places or not {int}.issuperset(map(type, places)):
        return None
    together = b"".join(texts)
    if together.count(b"{") != len(texts) or b"[" in together:
        return None
    found = [text.replace(b'"INDICE":%d' % place, b"", 1) for text, place in zip(texts, places, strict=True)]
    return None if any(map(eq, found, texts)) else found


def _placeless(raw: bytes) -> bytes:
    """A record without INDICE, where it can be found without reading the record."""
    found = _INDICE.search(raw)
    if found is None or raw.find(b"{", 1) > 0 or raw.find(b"[") > 0 or _INDICE.search(raw, found.end()):
        return raw
    return raw[: found.start()] + raw[found.end() :]
