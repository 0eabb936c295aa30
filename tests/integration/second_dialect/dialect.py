"""The dialect of a small ERP: Portuguese keys, decimal points in text, all offers of a product in one record."""

import re
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import xxhash

from integrahub.domain.copy_text import copy_text, to_bigints
from integrahub.domain.dialects.base import DecodedLines, FirstRecord, KeyNames, NormalisedRecords, RecordLabel, Source
from integrahub.domain.parsing.first_value import read_first_value
from integrahub.domain.parsing.raw_records import OversizeRecord, Record
from integrahub.domain.products import COLUMNS, TEXTS, NormalisedRow, RecordIssue

_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_TEXT_KEYS = {"marca": "brand", "codigo_barras": "ean"}
_KNOWN_KEYS = frozenset(["id", "loja", "nome", "preco", "saldo", "ofertas", "alterado", *_TEXT_KEYS])
_WHOLE_PRODUCT: dict[str, str | None] = {**dict.fromkeys(TEXTS, ""), "price_promos": "{}"}
_DECODER = msgspec.json.Decoder(dict[str, Any])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class _Rejected(Exception):
    """Key, code and value with which a record is rejected."""


@dataclass(slots=True)
class _ValidRecord:
    position: int
    offset: int
    columns: dict[str, str | None] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    warnings: list[tuple[str, str, Any]] = field(default_factory=list)


class Balcao:
    """Implementation of the port for `Balcão`, an ERP that does not exist."""

    kernel = None
    keys = KeyNames(cnpj="loja", product_id="id", title="nome", price="preco", stock="saldo", ean="codigo_barras")
    schema_path = "/schemas/balcao-product.json"

    def derive_seed(self, load_type: str, time_zone: str) -> int:
        return xxhash.xxh3_64_intdigest(f"balcao 1|{load_type}|{time_zone}".encode())

    def identify_all(self, records: Sequence[Record]) -> list[int]:
        return list(map(_identify, records))

    def identify_and_hash(
        self, records: Sequence[msgspec.Raw | bytes], seed: int
    ) -> "tuple[list[int], list[bytes], array[int]]":
        raws = [bytes(record) for record in records]
        return list(map(_identify, raws)), raws, to_bigints(xxhash.xxh3_64_intdigest(raw, seed) for raw in raws)

    def hash_record(self, raw: bytes, seed: int) -> int:
        return to_bigints([xxhash.xxh3_64_intdigest(raw, seed)])[0]

    def decode_columns(
        self, records: bytes, hashes: Sequence[int], *, cnpj: str, load_type: str, owner: str = ""
    ) -> DecodedLines | None:
        try:
            raws = [bytes(raw) for raw in _ARRAY.decode(records)]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        sources = [(position, 0, _identify(raw), raw) for position, raw in enumerate(raws)]
        normal = self.normalise(sources, cnpj=cnpj, load_type=load_type, zone=ZoneInfo("UTC"), max_record=len(records))
        if normal.issues or normal.merged or not raws:
            return None
        rows = ([str(digest), str(row[0]), *row[1:-3]] for digest, row in zip(hashes, normal.products, strict=False))
        return DecodedLines(
            [row[0] for row in normal.products], [f"{owner}{copy_text([row]).decode()}" for row in rows]
        )

    def normalise(
        self,
        records: Sequence[Source],
        *,
        cnpj: str,
        load_type: str,
        zone: ZoneInfo,
        max_record: int,
        new: Collection[int] = frozenset(),
    ) -> NormalisedRecords:
        result = NormalisedRecords()
        groups: dict[int, list[_ValidRecord]] = {}
        for source in records:
            try:
                record = _read(source, cnpj, max_record)
                groups.setdefault(source[2], []).append(record)
            except _Rejected as rejected:
                result.rejected += 1
                result.issues.append(_issue(source[0], source[1], "rejected", source[2], *rejected.args))
        for product_id, group in groups.items():
            result.merged += len(group) - 1
            self._add(result, product_id, group, is_full=load_type == "full", is_new=product_id in new)
        return result

    def _add(
        self, result: NormalisedRecords, product_id: int, group: list[_ValidRecord], *, is_full: bool, is_new: bool
    ) -> None:
        columns, extra = dict(_WHOLE_PRODUCT) if is_full else {}, dict[str, Any]()
        for record in group[-1:] if is_full else group:
            columns |= record.columns
            extra |= record.extra
        columns["extra"] = msgspec.json.encode(extra).decode() if extra else None
        values = [columns.get(name) for name in COLUMNS]
        last, missing = group[-1], self.find_missing(values) if is_full or is_new else None
        for record in group:
            result.issues += [
                _issue(record.position, record.offset, "warning", product_id, *warning) for warning in record.warnings
            ]
        if missing:
            result.rejected += 1
            result.issues.append(_issue(last.position, last.offset, "rejected", product_id, *missing, ""))
        else:
            result.products.append(NormalisedRow._make((product_id, *values, last.position, last.offset, len(group))))

    def find_missing(self, columns: Sequence[str | None]) -> tuple[str, str] | None:
        return None if columns[COLUMNS.index("title")] else ("nome", "title_missing")

    def label_record(self, raw: bytes | OversizeRecord) -> RecordLabel:
        try:
            fields = {} if isinstance(raw, OversizeRecord) else _DECODER.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            fields = {}
        return RecordLabel(str(fields.get("codigo_barras") or ""), {key: key for key in fields})

    def read_first_record(self, head: bytes, media_type: str) -> FirstRecord:
        record = read_first_value(head, media_type)
        if record is None:
            return FirstRecord(problem="body_empty")
        try:
            return FirstRecord(cnpj=str(_DECODER.decode(record).get("loja") or ""))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return FirstRecord()

    def export(self, row: dict[str, Any], cnpj: str) -> dict[str, Any]:
        record = {"loja": cnpj, "id": row["product_id"], "nome": row["title"], "marca": row["brand"]}
        record |= {"preco": f"{row['price']:f}"} if row["price"] is not None else {}
        return record | {"ofertas": [f"{offer:f}" for offer in row["price_promos"]]} | (row["extra"] or {})

    def describe_record(self) -> dict[str, Any]:
        return {"type": "object", "example": {"id": 1, "nome": "Dipirona", "preco": "12.50"}}

    def json_schema(self) -> dict[str, Any]:
        return {"$id": self.schema_path, "type": "object", "required": ["id"]}


def _identify(record: Record) -> int:
    try:
        return 0 if isinstance(record, OversizeRecord) else _product_id(_DECODER.decode(record).get("id"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def _product_id(value: Any) -> int:
    return value if type(value) is int and 0 < value < 1 << 63 else 0


def _read(source: Source, cnpj: str, max_record: int) -> _ValidRecord:
    position, offset, _, raw = source
    fields = _decode(raw, max_record)
    if fields.get("loja") not in (None, "", cnpj):
        raise _Rejected("loja", "cnpj_mismatch", fields["loja"])
    if not _product_id(fields.get("id")):
        raise _Rejected("id", f"product_id_{'missing' if fields.get('id') is None else 'invalid'}", fields.get("id"))
    record = _ValidRecord(position, offset)
    record.extra = {key: value for key, value in fields.items() if key not in _KNOWN_KEYS}
    if title := str(fields.get("nome") or "").strip():
        record.columns["title"] = title
    for key, column in _TEXT_KEYS.items():
        if key in fields:
            record.columns[column] = str(fields[key] or "")
    _read_amounts(fields, record)
    return record


def _decode(raw: bytes | OversizeRecord, max_record: int) -> dict[str, Any]:
    if isinstance(raw, OversizeRecord) or len(raw) > max_record:
        raise _Rejected("", "record_too_long", "")
    try:
        fields = _DECODER.decode(raw)
    except msgspec.ValidationError:
        raise _Rejected("", "not_object", raw.decode("utf-8", "replace")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Rejected("", "json_invalid", raw.decode("utf-8", "replace")) from None
    if b"\\u0000" in raw:
        raise _Rejected("", "text_has_nul", "")
    return fields


def _read_amounts(fields: dict[str, Any], record: _ValidRecord) -> None:
    if fields.get("preco"):
        if not _is_amount(fields["preco"]):
            raise _Rejected("preco", "price_invalid", fields["preco"])
        record.columns["price"] = fields["preco"]
    if fields.get("saldo"):
        if _is_amount(fields["saldo"]):
            record.columns["stock"] = fields["saldo"]
        else:
            record.warnings.append(("saldo", "number_unreadable", fields["saldo"]))
    if "ofertas" in fields:
        if isinstance(fields["ofertas"], list) and all(map(_is_amount, fields["ofertas"])):
            record.columns["price_promos"] = "{" + ",".join(sorted(set(fields["ofertas"]), key=float)) + "}"
        else:
            record.warnings.append(("ofertas", "number_unreadable", fields["ofertas"]))
    if fields.get("alterado"):
        try:
            moment = datetime.strptime(fields["alterado"], "%d/%m/%Y %H:%M:%S")
            record.columns["source_updated_at"] = moment.isoformat(" ")
        except (TypeError, ValueError):
            record.warnings.append(("alterado", "date_unreadable", fields["alterado"]))


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and _AMOUNT.fullmatch(value) is not None


def _issue(position: int, offset: int, severity: Any, product_id: int, key: str, code: str, value: Any) -> RecordIssue:
    return RecordIssue(position, offset, severity, str(product_id) if product_id else "", key, code, str(value)[:200])
