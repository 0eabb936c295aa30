"""The dialect of InovaFarma's ERP: upper-case keys, one record per promotion, decimal commas."""

import re
from array import array
from collections.abc import Iterable, Sequence
from operator import eq
from typing import Any

import msgspec
import xxhash

from integrahub.domain.chunks.builder import all_signed
from integrahub.domain.dialects.inovafarma.decode_columns import ESCAPES
from integrahub.domain.dialects.inovafarma.normalise import NormalisedRecords, normalise
from integrahub.domain.dialects.inovafarma.values import UnreadableValue, decimal_of
from integrahub.domain.dialects.inovafarma.values import product_id as read_product_id
from integrahub.domain.parsing.reader import OversizeRecord, Record
from integrahub.domain.parsing.value_scanner import ValueScanner
from integrahub.domain.pharmacies import unmask
from integrahub.domain.products import COLUMNS

__all__ = [
    "VERSION",
    "FirstRecord",
    "NormalisedRecords",
    "copy_text",
    "first_record_facts",
    "identify",
    "identify_all",
    "normalise",
]

VERSION = 1  # of the normaliser: a change of meaning makes every stored hash differ
_NAMES = ("PHARMACY_NAME", "PHARMACY", "SHOP_NAME", "SHOPNAME", "FARMACIA", "NAME")
_INDICE = re.compile(rb'"INDICE"[ \t\r\n]*:[ \t\r\n]*(?:"[^"\\]*"|[^,}\]"]*)')
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


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
    """Of each record its product id, its text and its `record_hash`, in one reading when all are as usual."""
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


def seed_for(load_type: str, time_zone: str) -> int:
    """The seed of record hashes: whatever changes a record's meaning changes its hash."""
    return xxhash.xxh3_64_intdigest(f"{VERSION}|{load_type}|{time_zone}".encode())


def record_hash(raw: bytes, seed: int) -> int:
    """A bigint that tells records apart; INDICE, which moves with the record's place, is left out."""
    return _hashes([_placeless(raw)], seed)[0]


def _hashes(texts: Iterable[bytes], seed: int) -> "array[int]":
    digest = xxhash.xxh3_64_intdigest
    return all_signed([digest(text, seed) for text in texts])


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


class FirstRecord(msgspec.Struct, frozen=True):
    """What a body's beginning tells of its pharmacy. `problem` is the code of why it holds none at all."""

    cnpj: str = ""
    name: str = ""
    city: str = ""
    state: str = ""
    problem: str = ""


def first_record_facts(head: bytes, media_type: str = "application/json") -> FirstRecord:
    """Look at the first record of a body's first 64 KiB; empty facts when it cannot be read from them."""
    start = head.removeprefix(_BOM).lstrip(_BLANK)
    if "ndjson" not in media_type:
        start = start.removeprefix(b"[").lstrip(_BLANK)
    if not start or start.startswith(b"]"):
        return FirstRecord(problem="body_empty")
    return _facts_of(_first_value(start))


def _first_value(start: bytes) -> bytes:
    if start[:1] != b"{":
        return b""
    flat = start[: start.find(b"}") + 1]
    if flat.count(b"{") == 1 and not flat.count(b'"') % 2 and b"\\" not in flat:
        return flat
    end = ValueScanner().scan(start, 0)
    return start[:end] if end > 0 else b""


def _facts_of(record: bytes) -> FirstRecord:
    try:
        wire = {key.upper(): value for key, value in _OBJECT.decode(record).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return FirstRecord()
    cnpj = wire.get("CNPJ")
    return FirstRecord(
        cnpj=unmask(cnpj) if isinstance(cnpj, str | int) and not isinstance(cnpj, bool) else "",
        name=_first_text(wire, _NAMES),
        city=_first_text(wire, ("CITY", "CIDADE")),
        state=_first_text(wire, ("STATE", "UF")),
    )


def _first_text(wire: dict[str, Any], keys: Sequence[str]) -> str:
    texts = (wire.get(key) for key in keys)
    found = (text.replace("\0", "").strip() for text in texts if isinstance(text, str))
    return next((text[:200] for text in found if text), "")


def copy_text(lines: Sequence[Sequence[str | None]]) -> bytes:
    """Lines as COPY text; None is NULL."""
    escaped = (
        "\t".join("\\N" if value is None else value.translate(ESCAPES) for value in line) + "\n" for line in lines
    )
    return "".join(escaped).encode()


_WIRE_KEYS = {
    "title": "TITLE",
    "description": "DESCRIPTION",
    "brand": "BRAND",
    "ncm": "NCM",
    "category": "CATEGORY",
    "image_link": "IMAGELINK",
    "color": "COLOR",
    "ean": "EAN",
    "shop_id": "SHOPID",
    "size": "SIZE",
    "price": "PRICE",
    "wholesale_price": "WHOLESALEPRICE",
    "price_promos": "PRICEPROMO",
    "stock": "QUANTITY",
    "wholesale_min": "WHOLESALEMIN",
    "measure": "MEASURE",
    "indice": "INDICE",
    "source_created_at": "DATACADASTROPRODUTO",
    "source_updated_at": "DATAATUALIZACAOPRODUTO",
    "stock_updated_at": "DATAATUALIZACAOESTOQUE",
}


def wire_record(row: dict[str, Any], cnpj: str) -> dict[str, Any]:
    """A product row as the ERP would post it today; of several promotions, the smallest."""
    wire: dict[str, Any] = {"CNPJ": cnpj, "PRODUCTID": row["product_id"]}
    for column in COLUMNS[:-1]:
        value = row[column]
        if column == "price_promos":
            value = min(value, default=None)
        if value is not None:
            wire[_WIRE_KEYS[column]] = value
    return wire | (row["extra"] or {})
