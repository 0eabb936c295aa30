"""Parsers of single values as ERPs write them: decimal commas, numbers in text, local times."""

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import isinf
from typing import Any
from zoneinfo import ZoneInfo

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*),[0-9]+")
AMBIGUOUS = r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}"
_GROUPED_DOTS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_GROUPED_COMMAS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_THOUSANDS = re.compile(AMBIGUOUS)
_EXTREME_EXPONENT = 999_999  # beyond the range of every column
_EXACT_DIGITS = 15  # a double represents numbers of so few digits exactly
NUMBERS = tuple(form.pattern for form in (_PLAIN, _DECIMAL_COMMA, _GROUPED_COMMAS, _GROUPED_DOTS))
DIGITS = 14  # of every numeric column
MAX_NUMBER_LENGTH = 100  # characters of a number in text
_MAX_CODE_DIGITS = 40  # of a number in a text field; longer numbers stay as sent


class UnreadableValue(ValueError):
    """The value cannot be read as the type of its field."""


class _Extreme(Decimal):
    """A JSON number whose exponent exceeds Decimal: compares as extreme, and is shown as the client sent it."""

    sent: str

    def __str__(self) -> str:
        return self.sent


def parse_decimal(sent: str) -> Decimal:
    """Parse the text of a JSON number with any exponent; never raises."""
    try:
        return Decimal(sent)
    except InvalidOperation:
        mantissa, _, exponent = sent.lower().partition("e")
        sign = "-" if mantissa.startswith("-") else ""
        digit = 1 if mantissa.strip("-0.") else 0
        extreme = _Extreme(f"{sign}{digit}e{'-' if exponent.startswith('-') else ''}{_EXTREME_EXPONENT}")
        extreme.sent = sent
        return extreme


def parse_number(value: Any, places: int) -> Decimal | None:
    """Parse a number and round it half away from zero to `places` decimals; None for null and blank text.

    A JSON number (a Decimal) of more than 15 digits is read as a double (RFC 8259, section 6). Raise UnreadableValue,
    also if the number exceeds its column.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        value = Decimal(_to_plain_number(value))
    elif isinstance(value, Decimal) and len(value.as_tuple().digits) > _EXACT_DIGITS:
        value = _to_double(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnreadableValue
    return _round(Decimal(value), places)


def _to_double(value: Decimal) -> Decimal:
    double = float(value)
    if isinf(double):
        raise UnreadableValue
    return Decimal(repr(double))


def _to_plain_number(text: str) -> str:
    if len(text) > MAX_NUMBER_LENGTH:
        raise UnreadableValue
    if _PLAIN.fullmatch(text) and not _GROUPED_DOTS.fullmatch(text):
        return text
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if _GROUPED_COMMAS.fullmatch(text):
        return text.replace(",", "")
    if _GROUPED_DOTS.fullmatch(text):
        return text.replace(".", "")
    raise UnreadableValue


def is_ambiguous(value: Any) -> bool:
    """Return whether a price in text may mean a thousand times its parsed value: "1.000" is parsed as 1."""
    return isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()) is not None


def is_blank(value: Any) -> bool:
    """Return whether the value is an empty or blank text."""
    return isinstance(value, str) and not value.strip()


def _round(exact: Decimal, places: int) -> Decimal:
    exact = exact or Decimal(0)  # a zero may have any exponent
    if not exact.is_finite() or exact.adjusted() >= DIGITS - places:
        raise UnreadableValue
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if rounded.adjusted() >= DIGITS - places:
        raise UnreadableValue
    return rounded + 0  # no negative zero


def to_text(value: Any) -> str:
    """Return a text unchanged, a number as its digits, null as empty text; raise UnreadableValue for others.

    ERPs that store codes as doubles send 7896004703390 as 7.89600470339E12 or 7896004703390.0.
    """
    if not isinstance(value, Decimal) or abs(value.adjusted()) >= _MAX_CODE_DIGITS:
        return to_text_as_sent(value)
    whole = value.to_integral_value()
    return f"{whole if whole else abs(whole):f}" if value == whole else f"{value:f}"


def to_text_as_sent(value: Any) -> str:
    """Return a text unchanged and a number as the client wrote it, such as the size 1.0."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    raise UnreadableValue


def parse_local_time(value: Any, zone: ZoneInfo) -> str | None:
    """Parse an ISO 8601 time and return it as local time of `zone`; None for null and blank text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise UnreadableValue
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is not None:
            moment = moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise UnreadableValue from None
    return moment.isoformat(" ")


def parse_product_id(value: Any) -> int:
    """Parse a positive bigint, also from text; return 0 for null and blank text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,40}", value.strip()):
        value = int(value.strip())
    if isinstance(value, Decimal) and value.adjusted() < 19 and value == value.to_integral_value():
        value = int(value)
    elif isinstance(value, Decimal) and len(value.as_tuple().digits) > _EXACT_DIGITS:
        value = _to_double(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 63:
        raise UnreadableValue
    return value
