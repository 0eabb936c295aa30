"""Parameters of pages: values of the query or a form, read leniently. What cannot be read counts as absent."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from integrahub.console.page_cursors import decode_cursor
from integrahub.console.time_ranges import parse_time
from integrahub.domain.pharmacies import unmask

_MAX_TEXT_LENGTH = 200
MAX_BIGINT = 2**63 - 1
_Enum = TypeVar("_Enum", bound=StrEnum)
Values = Mapping[str, str]


def read_text(values: Values, name: str) -> str | None:
    """Return a text without surrounding blanks and NUL, shortened; None if it is empty."""
    return values.get(name, "").replace("\0", "").strip()[:_MAX_TEXT_LENGTH] or None


def read_cnpj(values: Values, name: str = "cnpj") -> str | None:
    """Return a CNPJ without its mask."""
    text = read_text(values, name)
    return unmask(text) if text else None


def read_choice(values: Values, name: str, default: _Enum) -> _Enum:
    """Return one of the values of the default's type."""
    return find_choice(values, name, type(default)) or default


def find_choice(values: Values, name: str, choices: type[_Enum]) -> _Enum | None:
    """Return one of the values of a type, or None."""
    text = values.get(name, "")
    return choices(text) if text in set(choices) else None


def read_id(values: Values, name: str) -> UUID | None:
    """Return an id."""
    try:
        return UUID(values.get(name, ""))
    except ValueError:
        return None


def read_number(values: Values, name: str) -> int | None:
    """Return a number that fits a bigint of PostgreSQL."""
    text = values.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    return number if number is not None and number <= MAX_BIGINT else None


def read_since(values: Values, now: datetime, name: str = "since") -> datetime | None:
    """Return the time of `24h`, `7d`, or of an absolute time of ISO 8601, in UTC unless it has a zone."""
    return parse_time(values.get(name, "").strip(), now)


def read_position(values: Values, *readers: Callable[[Any], Any]) -> list[Any] | None:
    """Return the values of the cursor of a page."""
    return decode_cursor(values.get("cursor"), *readers)
