"""Slow path of the decoder: check records one by one, reject invalid ones, merge those of each product into a row."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from integrahub.domain.dialects.base import NormalisedRecords, Source
from integrahub.domain.dialects.inovafarma import keys
from integrahub.domain.dialects.inovafarma.nesting import bound_numbers, iterate_texts, measure_depth
from integrahub.domain.dialects.inovafarma.values import (
    UnreadableValue,
    is_ambiguous,
    is_blank,
    parse_decimal,
    parse_local_time,
    parse_number,
    parse_product_id,
    to_text,
    to_text_as_sent,
)
from integrahub.domain.parsing.reader import OversizeRecord
from integrahub.domain.pharmacies import unmask
from integrahub.domain.products import COLUMNS, TEXTS, NormalisedRow, RecordIssue

MAX_DEPTH = 8
_MAX_KEY, _MAX_UNKNOWN_KEYS = 100, 50  # characters of an unknown key that are kept, and keys per call
_MAX_ISSUE_VALUE = 200  # characters
_FULL_BLANKS: dict[str, str | None] = dict.fromkeys(TEXTS, "")
_TITLE = COLUMNS.index("title")
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=parse_decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class _Rejected(Exception):
    """Field, code and value with which a record is rejected."""


@dataclass(slots=True)
class _ValidRecord:
    """Values of a valid record by column, as COPY text before escaping."""

    position: int
    offset: int
    columns: dict[str, str | None] = field(default_factory=dict)
    promotion: Decimal | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    has_blank_price: bool = False


def normalise(
    records: Sequence[Source],
    *,
    cnpj: str,
    load_type: str,
    zone: ZoneInfo,
    max_record: int,
    new: Collection[int] = frozenset(),
) -> NormalisedRecords:
    """Check records of one pharmacy, in their order, and return product rows and issues.

    Never raises for what a client may send. A DELTA's records of `new` products must hold the whole product.
    """
    result = NormalisedRecords()
    checker = _Checker(cnpj, zone, max_record, result)
    repeats: dict[int, list[_ValidRecord]] = {}
    for source in records:
        record = checker.check(source)
        if record is not None:
            repeats.setdefault(source[2], []).append(record)
    for product_id, group in repeats.items():
        result.merged += len(group) - 1
        row = _merge_full(product_id, group) if load_type == "full" else _merge_delta(product_id, group)
        is_whole = load_type == "full" or product_id in new
        missing = find_missing(row.columns) if is_whole else None
        if missing:
            _reject(result, product_id, group[-1], missing)
        else:
            result.products.append(row)
        if product_id in new or (is_whole and not missing):
            _warn_of_no_price(result, row, group)
    return result


def find_missing(columns: Sequence[str | None]) -> tuple[str, str] | None:
    """Return the key and the code of what a product lacks to be inserted: a title; None if it has one."""
    return None if columns[_TITLE] else ("TITLE", "title_missing")


def _warn_of_no_price(result: NormalisedRecords, row: NormalisedRow, group: list[_ValidRecord]) -> None:
    """Warn if the client sent the price as blank text, since the product then shows the price 0.

    A record without a price gets no warning.
    """
    blank = [record for record in group if record.has_blank_price]
    if blank and row.price is None:
        last = blank[-1]
        issue = RecordIssue(last.position, last.offset, "warning", str(row.product_id), "PRICE", "price_zero", "")
        result.issues.append(issue)


def _reject(result: NormalisedRecords, product_id: int, last: _ValidRecord, missing: tuple[str, str]) -> None:
    result.issues.append(RecordIssue(last.position, last.offset, "rejected", str(product_id), *missing, ""))
    result.rejected += 1


def _merge_full(product_id: int, group: list[_ValidRecord]) -> NormalisedRow:
    """Make the row of a FULL: columns of the last record, promotions of all records."""
    last = group[-1]
    merged = {"price_promos": _format_promotions(group), "extra": _encode_extra(last.extra)}
    return _make_row(product_id, _FULL_BLANKS | last.columns | merged, group)


def _merge_delta(product_id: int, group: list[_ValidRecord]) -> NormalisedRow:
    """Make the row of a DELTA: for each key the last record that has it, and promotions of all records."""
    columns: dict[str, str | None] = {}
    extra: dict[str, Any] = {}
    for record in group:
        columns |= record.columns
        extra |= record.extra
    if any(record.promotion is not None for record in group):
        columns["price_promos"] = _format_promotions(group)
    return _make_row(product_id, columns | {"extra": _encode_extra(extra)}, group)


def _make_row(product_id: int, columns: dict[str, str | None], group: list[_ValidRecord]) -> NormalisedRow:
    values = (columns.get(column) for column in COLUMNS)
    return NormalisedRow._make((product_id, *values, group[-1].position, group[-1].offset, len(group)))


def _format_promotions(group: list[_ValidRecord]) -> str:
    promotions = {record.promotion for record in group if record.promotion}
    return "{" + ",".join(f"{promotion:f}" for promotion in sorted(promotions)) + "}"


def _encode_extra(extra: dict[str, Any]) -> str | None:
    return _ENCODER.encode(extra).decode() if extra else None


class _Checker:
    """Checks single records and adds their issues to the result."""

    def __init__(self, cnpj: str, zone: ZoneInfo, max_record: int, result: NormalisedRecords) -> None:
        self._cnpj = cnpj
        self._zone = zone
        self._max_record = max_record
        self._result = result

    def check(self, source: Source) -> _ValidRecord | None:
        """Return the values of a record; None if it is rejected."""
        issues_before = len(self._result.issues)
        try:
            return self._read(source)
        except _Rejected as rejected:
            del self._result.issues[issues_before:]  # a rejected record reports no warnings
            name, code, value = rejected.args
            self._result.rejected += 1
            self._add_issue(source, "rejected", name, code, value)
            return None

    def _read(self, source: Source) -> _ValidRecord:
        fields = keys.to_upper_keys(self._decode(source[3]))
        self._check_cnpj(fields.get("CNPJ"))
        _check_product_id(fields.get("PRODUCTID"))
        record = _ValidRecord(source[0], source[1])
        for key, value in fields.items():
            self._read_value(source, record, key, value)
        return record

    def _decode(self, raw: bytes | OversizeRecord) -> dict[str, Any]:
        if isinstance(raw, OversizeRecord) or len(raw) > self._max_record:
            length = raw.length if isinstance(raw, OversizeRecord) else len(raw)
            raise _Rejected("", "record_too_long", f"{length} bytes, at most {self._max_record}")
        try:
            fields = _DECODER.decode(raw)
        except RecursionError:
            raise _Rejected("", "record_too_deep", _excerpt(raw)) from None
        except msgspec.ValidationError:
            raise _Rejected("", "not_object", _excerpt(raw)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Rejected("", "json_invalid", f"{error}: {_excerpt(raw)}") from None
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and measure_depth(fields) > MAX_DEPTH:
            raise _Rejected("", "record_too_deep", _excerpt(raw))
        if b"\\u0000" in raw and any("\0" in text for text in iterate_texts(fields)):
            raise _Rejected("", "text_has_nul", _excerpt(raw))
        return fields

    def _check_cnpj(self, value: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, Decimal) and value.adjusted() < 16 and value == value.to_integral_value():
            value = int(value)
        if self._cnpj not in (unmask(value), str(value)):
            raise _Rejected("CNPJ", "cnpj_mismatch", str(value))

    def _read_value(self, source: Source, record: _ValidRecord, key: str, value: Any) -> None:
        if key in keys.TEXT_KEYS:
            self._read_text(source, record, key, value)
        elif key in keys.PRICE_KEYS:
            self._read_price(source, record, key, value)
        elif key in keys.NUMBER_KEYS or key == "PRICEPROMO":
            self._read_number(source, record, key, value)
        elif key in keys.DATE_KEYS:
            self._read_date(source, record, key, value)
        elif key == "TITLE":
            self._read_title(source, record, value)
        elif key not in keys.KNOWN:
            record.extra[key] = bound_numbers(value)
            if key.upper() not in keys.PHARMACY_KEYS:
                self._count_unknown(key)

    def _count_unknown(self, key: str) -> None:
        name, unknown = key[:_MAX_KEY].replace("\0", ""), self._result.unknown
        if name in unknown or len(unknown) < _MAX_UNKNOWN_KEYS:
            unknown[name] += 1

    def _read_price(self, source: Source, record: _ValidRecord, key: str, value: Any) -> None:
        try:
            price = parse_number(value, 4)
        except UnreadableValue:
            raise _Rejected(key, "price_invalid", value) from None
        if price is not None and price < 0:
            raise _Rejected(key, "price_invalid", value)
        if price is not None:
            record.columns[keys.PRICE_KEYS[key]] = f"{price:f}"
        elif key == "PRICE":
            record.has_blank_price = is_blank(value)
        self._warn_if_ambiguous(source, key, value)

    def _warn_if_ambiguous(self, source: Source, key: str, value: Any) -> None:
        if is_ambiguous(value):
            self._warn(source, key, "price_ambiguous", value)

    def _read_text(self, source: Source, record: _ValidRecord, key: str, value: Any) -> None:
        try:
            record.columns[keys.TEXT_KEYS[key]] = to_text_as_sent(value) if key == "SIZE" else to_text(value)
        except UnreadableValue:
            self._warn(source, key, "text_unreadable", value)

    def _read_title(self, source: Source, record: _ValidRecord, value: Any) -> None:
        try:
            title = to_text(value).strip(" \t\r\n")
        except UnreadableValue:
            self._warn(source, "TITLE", "text_unreadable", value)
            return
        if title:
            record.columns["title"] = title

    def _read_number(self, source: Source, record: _ValidRecord, key: str, value: Any) -> None:
        try:
            amount = parse_number(value, 4 if key == "PRICEPROMO" else 3)
        except UnreadableValue:
            self._warn(source, key, "number_unreadable", value)
            return
        if key == "PRICEPROMO" and amount is not None and amount < 0:
            self._warn(source, key, "price_invalid", value)
        elif key == "PRICEPROMO":
            record.promotion = amount
            self._warn_if_ambiguous(source, key, value)
        elif amount is not None:
            record.columns[keys.NUMBER_KEYS[key]] = f"{amount:f}"

    def _read_date(self, source: Source, record: _ValidRecord, key: str, value: Any) -> None:
        try:
            moment = parse_local_time(value, self._zone)
        except UnreadableValue:
            self._warn(source, key, "date_unreadable", value)
            return
        if moment is not None:
            record.columns[keys.DATE_KEYS[key]] = moment

    def _warn(self, source: Source, name: str, code: str, value: Any) -> None:
        self._add_issue(source, "warning", name, code, value)

    def _add_issue(self, source: Source, severity: Any, name: str, code: str, value: Any) -> None:
        position, offset, product_id, _ = source
        text = str(value)[:_MAX_ISSUE_VALUE].replace("\0", "")
        issue = RecordIssue(position, offset, severity, str(product_id) if product_id else "", name, code, text)
        self._result.issues.append(issue)


def _check_product_id(value: Any) -> None:
    try:
        if not parse_product_id(value):
            raise _Rejected("PRODUCTID", "product_id_missing", "")
    except UnreadableValue:
        raise _Rejected("PRODUCTID", "product_id_invalid", value) from None


def _excerpt(raw: bytes) -> str:
    return raw[:_MAX_ISSUE_VALUE].decode("utf-8", "replace")
