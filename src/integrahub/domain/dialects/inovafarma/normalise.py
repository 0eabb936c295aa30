"""Records of the InovaFarma dialect become product rows: checked one by one, repeats merged, faults told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from integrahub.domain.dialects.base import NormalisedRecords, Source
from integrahub.domain.dialects.inovafarma import keys
from integrahub.domain.dialects.inovafarma.nesting import bounded, depth, texts
from integrahub.domain.dialects.inovafarma.values import (
    UnreadableValue,
    decimal_of,
    is_ambiguous,
    is_blank,
    local_time,
    number,
    product_id,
    text,
    text_as_sent,
)
from integrahub.domain.parsing.reader import OversizeRecord
from integrahub.domain.pharmacies import unmask
from integrahub.domain.products import COLUMNS, TEXTS, RecordIssue

DEEPEST = 8
_VALUE = 200  # characters kept of a value at fault
_FULL_BLANKS: dict[str, str | None] = dict.fromkeys(TEXTS, "")
_TITLE = COLUMNS.index("title")
_PRICE = 1 + COLUMNS.index("price")  # in a row, after the product id
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=decimal_of)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class _Rejected(Exception):
    """The record cannot be applied: field, code, value."""


@dataclass(slots=True)
class _ValidRecord:
    """A valid record: its values by column, as COPY text."""

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
    """Records of one pharmacy, in order, as product rows. Never raises for what a client may send.

    `new`: products not known before; a DELTA's records are all that is known of them.
    """
    normalised = NormalisedRecords()
    reader = _Reader(cnpj, zone, max_record, normalised)
    repeats: dict[int, list[_ValidRecord]] = {}
    for source in records:
        checked = reader.read(source)
        if checked is not None:
            repeats.setdefault(source[2], []).append(checked)
    for identity, group in repeats.items():
        normalised.merged += len(group) - 1
        row = _full_row(identity, group) if load_type == "full" else _delta_row(identity, group)
        is_whole = load_type == "full" or identity in new
        missing = find_missing(row[1:]) if is_whole else None
        if missing:
            _reject(normalised, identity, group[-1], missing)
        else:
            normalised.products.append(row)
        if identity in new or (is_whole and not missing):
            _warn_of_no_price(normalised, row, group)
    return normalised


def find_missing(columns: Sequence[str | None]) -> tuple[str, str] | None:
    """Return the key and the code of what a product lacks to be inserted: a title; None if it has one."""
    return None if columns[_TITLE] else ("TITLE", "title_missing")


def _warn_of_no_price(normalised: NormalisedRecords, row: tuple[Any, ...], group: list[_ValidRecord]) -> None:
    """A product without a price shows at 0: no warning when none was sent, one when it was sent as an empty text."""
    blank = [checked for checked in group if checked.has_blank_price]
    if blank and row[_PRICE] is None:
        last = blank[-1]
        normalised.issues.append(
            RecordIssue(last.position, last.offset, "warning", str(row[0]), "PRICE", "price_zero", "")
        )


def _reject(normalised: NormalisedRecords, identity: int, last: _ValidRecord, missing: tuple[str, str]) -> None:
    fault = RecordIssue(last.position, last.offset, "rejected", str(identity), *missing, "")
    normalised.issues.append(fault)
    normalised.rejected += 1


def _full_row(identity: int, group: list[_ValidRecord]) -> tuple[Any, ...]:
    """The last record is the product; promotions come from all."""
    last = group[-1]
    columns = _FULL_BLANKS | last.columns | {"price_promos": _promotions(group), "extra": _json(last.extra)}
    return _row(identity, columns, group)


def _delta_row(identity: int, group: list[_ValidRecord]) -> tuple[Any, ...]:
    """Key by key, the later record wins; promotions change only when some record carries one."""
    columns: dict[str, str | None] = {}
    extra: dict[str, Any] = {}
    for checked in group:
        columns |= checked.columns
        extra |= checked.extra
    if any(checked.promotion is not None for checked in group):
        columns["price_promos"] = _promotions(group)
    return _row(identity, columns | {"extra": _json(extra)}, group)


def _row(identity: int, columns: dict[str, str | None], group: list[_ValidRecord]) -> tuple[Any, ...]:
    values = (columns.get(column) for column in COLUMNS)
    return (identity, *values, group[-1].position, group[-1].offset, len(group))


def _promotions(group: list[_ValidRecord]) -> str:
    promotions = {checked.promotion for checked in group if checked.promotion}
    return "{" + ",".join(f"{promotion:f}" for promotion in sorted(promotions)) + "}"


def _json(extra: dict[str, Any]) -> str | None:
    return _ENCODER.encode(extra).decode() if extra else None


class _Reader:
    """Checks single records; tells what is wrong with them."""

    def __init__(self, cnpj: str, zone: ZoneInfo, max_record: int, normalised: NormalisedRecords) -> None:
        self._cnpj = cnpj
        self._zone = zone
        self._max_record = max_record
        self._normalised = normalised

    def read(self, source: Source) -> _ValidRecord | None:
        """The record's values, or None when it is rejected."""
        told = len(self._normalised.issues)
        try:
            return self._check(source)
        except _Rejected as rejected:
            del self._normalised.issues[told:]  # warnings of a record that is not taken would be noise
            name, code, value = rejected.args
            self._normalised.rejected += 1
            self._tell(source, "rejected", name, code, value)
            return None

    def _check(self, source: Source) -> _ValidRecord:
        wire = keys.spelled(self._object(source[3]))
        self._check_cnpj(wire.get("CNPJ"))
        _check_identity(wire.get("PRODUCTID"))
        checked = _ValidRecord(source[0], source[1])
        for key, value in wire.items():
            self._take(source, checked, key, value)
        return checked

    def _object(self, raw: bytes | OversizeRecord) -> dict[str, Any]:
        if isinstance(raw, OversizeRecord) or len(raw) > self._max_record:
            length = raw.length if isinstance(raw, OversizeRecord) else len(raw)
            raise _Rejected("", "record_too_long", f"{length} bytes, at most {self._max_record}")
        try:
            wire = _DECODER.decode(raw)
        except RecursionError:
            raise _Rejected("", "record_too_deep", _shown(raw)) from None
        except msgspec.ValidationError:
            raise _Rejected("", "not_object", _shown(raw)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Rejected("", "json_invalid", f"{error}: {_shown(raw)}") from None
        if raw.count(b"{") + raw.count(b"[") > DEEPEST and depth(wire) > DEEPEST:
            raise _Rejected("", "record_too_deep", _shown(raw))
        if b"\\u0000" in raw and any("\0" in piece for piece in texts(wire)):
            raise _Rejected("", "text_has_nul", _shown(raw))
        return wire

    def _check_cnpj(self, value: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, Decimal) and value.adjusted() < 16 and value == value.to_integral_value():
            value = int(value)
        if self._cnpj not in (unmask(value), str(value)):
            raise _Rejected("CNPJ", "cnpj_mismatch", str(value))

    def _take(self, source: Source, checked: _ValidRecord, key: str, value: Any) -> None:
        if key in keys.TEXT_KEYS:
            self._take_text(source, checked, key, value)
        elif key in keys.PRICE_KEYS:
            self._take_price(source, checked, key, value)
        elif key in keys.NUMBER_KEYS or key == "PRICEPROMO":
            self._take_number(source, checked, key, value)
        elif key in keys.DATE_KEYS:
            self._take_date(source, checked, key, value)
        elif key == "TITLE":
            self._take_title(source, checked, value)
        elif key not in keys.KNOWN:
            checked.extra[key] = bounded(value)
            self._normalised.drift += key.upper() not in keys.PHARMACY_KEYS

    def _take_price(self, source: Source, checked: _ValidRecord, key: str, value: Any) -> None:
        try:
            price = number(value, 4)
        except UnreadableValue:
            raise _Rejected(key, "price_invalid", value) from None
        if price is not None and price < 0:
            raise _Rejected(key, "price_invalid", value)
        if price is not None:
            checked.columns[keys.PRICE_KEYS[key]] = f"{price:f}"
        elif key == "PRICE":
            checked.has_blank_price = is_blank(value)
        self._warn_if_ambiguous(source, key, value)

    def _warn_if_ambiguous(self, source: Source, key: str, value: Any) -> None:
        if is_ambiguous(value):
            self._warn(source, key, "price_ambiguous", value)

    def _take_text(self, source: Source, checked: _ValidRecord, key: str, value: Any) -> None:
        try:
            checked.columns[keys.TEXT_KEYS[key]] = text_as_sent(value) if key == "SIZE" else text(value)
        except UnreadableValue:
            self._warn(source, key, "text_unreadable", value)

    def _take_title(self, source: Source, checked: _ValidRecord, value: Any) -> None:
        try:
            title = text(value).strip(" \t\r\n")
        except UnreadableValue:
            self._warn(source, "TITLE", "text_unreadable", value)
            return
        if title:
            checked.columns["title"] = title

    def _take_number(self, source: Source, checked: _ValidRecord, key: str, value: Any) -> None:
        try:
            amount = number(value, 4 if key == "PRICEPROMO" else 3)
        except UnreadableValue:
            self._warn(source, key, "number_unreadable", value)
            return
        if key == "PRICEPROMO" and amount is not None and amount < 0:
            self._warn(source, key, "price_invalid", value)
        elif key == "PRICEPROMO":
            checked.promotion = amount
            self._warn_if_ambiguous(source, key, value)
        elif amount is not None:
            checked.columns[keys.NUMBER_KEYS[key]] = f"{amount:f}"

    def _take_date(self, source: Source, checked: _ValidRecord, key: str, value: Any) -> None:
        try:
            moment = local_time(value, self._zone)
        except UnreadableValue:
            self._warn(source, key, "date_unreadable", value)
            return
        if moment is not None:
            checked.columns[keys.DATE_KEYS[key]] = moment

    def _warn(self, source: Source, name: str, code: str, value: Any) -> None:
        self._tell(source, "warning", name, code, value)

    def _tell(self, source: Source, severity: Any, name: str, code: str, value: Any) -> None:
        position, offset, identity, _ = source
        shown = str(value)[:_VALUE].replace("\0", "")
        fault = RecordIssue(position, offset, severity, str(identity) if identity else "", name, code, shown)
        self._normalised.issues.append(fault)


def _check_identity(value: Any) -> None:
    try:
        if not product_id(value):
            raise _Rejected("PRODUCTID", "product_id_missing", "")
    except UnreadableValue:
        raise _Rejected("PRODUCTID", "product_id_invalid", value) from None


def _shown(raw: bytes) -> str:
    return raw[:_VALUE].decode("utf-8", "replace")
