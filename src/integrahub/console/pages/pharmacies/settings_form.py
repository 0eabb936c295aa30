"""The form of a pharmacy's settings: its fields as text, read into typed settings with an error per field."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from integrahub.access.pharmacy_settings import check_rate, check_time_zone
from integrahub.db.accounts.rows import PharmacySettings
from integrahub.domain.messages.fields import InvalidField

_MAX_WINDOW_MINUTES = 1440
_SHARE_DIGITS = Decimal("0.0001")  # of the column


class InvalidSettings(ValueError):
    """Fields of the form are wrong; `errors` are by field."""

    def __init__(self, errors: Mapping[str, InvalidField]) -> None:
        self.errors = errors
        super().__init__(", ".join(errors))


def share_as_percent(share: Decimal | None) -> str:
    """Return a share of one as the form shows it: `12.5`, '' for that of the hub."""
    return "" if share is None else f"{(share * 100).normalize():f}"


def read_settings(form: Mapping[str, str]) -> PharmacySettings:
    """Return the settings that the form sets; raise InvalidSettings if some of its fields are wrong."""
    values: dict[str, Any] = {}
    errors: dict[str, InvalidField] = {}
    for name, read in _READERS.items():
        try:
            values[name] = read(form.get(name, "").strip())
        except InvalidField as error:
            errors[name] = error
    if errors:
        raise InvalidSettings(errors)
    return msgspec.convert(values, PharmacySettings)


def _text(least: int, most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) < least:
            raise InvalidField("string_too_short", min_length=least)
        if len(text) > most:
            raise InvalidField("string_too_long", max_length=most)
        if "\0" in text:
            raise InvalidField("other")
        return text

    return read


def _share(text: str) -> Decimal | None:
    """Read a percentage with a point or a comma, and a sign or none."""
    if not text:
        return None
    try:
        percent = Decimal(text.removesuffix("%").strip().replace(",", "."))
    except InvalidOperation:
        raise InvalidField("float_parsing") from None
    _check_bounds(percent, 100)
    return (percent / 100).quantize(_SHARE_DIGITS)


def _minutes(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise InvalidField("int_parsing")
    minutes = int(text)
    _check_bounds(Decimal(minutes), _MAX_WINDOW_MINUTES)
    return minutes


def _rate(text: str) -> str | None:
    return check_rate(text) if text else None


def _check_bounds(value: Decimal, most: int) -> None:
    if not value.is_finite():
        raise InvalidField("float_parsing")
    if value < 0:
        raise InvalidField("greater_than_equal", ge=0)
    if value > most:
        raise InvalidField("less_than_equal", le=most)


_READERS: Mapping[str, Callable[[str], object]] = {
    "name": _text(1, 200),
    "city": _text(0, 200),
    "state": _text(0, 20),
    "time_zone": check_time_zone,
    "deactivation_limit": _share,
    "full_window_minutes": _minutes,
    "rate_limit": _rate,
}
