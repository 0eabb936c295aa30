"""Cursors of the console's pages: a cursor that is not one begins at the first page."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from integrahub.console.time_ranges import check_year
from integrahub.domain import cursors

_MAX_BIGINT = 2**63 - 1
Row = TypeVar("Row")


def decode_cursor(cursor: str | None, *readers: Callable[[Any], Any]) -> list[Any] | None:
    """Return the values of a cursor, or None. Readers are `int`, or read a value from its text: `UUID`, `read_time`."""
    if not cursor:
        return None
    try:
        values = cursors.decode(cursor, *(int if reader is int else str for reader in readers))
        return [_check(reader(value)) for reader, value in zip(readers, values, strict=True)]
    except (ValueError, OverflowError):
        return None


def split_page(rows: list[Row], size: int) -> tuple[list[Row], Row | None]:
    """Return the rows of a page of which one more was read, and the last of them if more rows follow."""
    return rows[:size], rows[size - 1] if len(rows) > size else None


def read_time(text: str) -> datetime:
    """Return the time of a cursor, in UTC. Raise ValueError for another text."""
    return check_year(datetime.fromisoformat(text)).astimezone(UTC)


def _check(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > _MAX_BIGINT:
        raise ValueError(value)
    return value
