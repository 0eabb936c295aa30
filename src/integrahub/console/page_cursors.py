"""Cursors of the console's pages: a cursor that is not one begins at the first page.

The live updates of a list of the newest lines name its `top`: the first line that the reader sees. They show the same
lines and count the newer ones, so that new lines are announced and move none.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from starlette.datastructures import QueryParams

from integrahub.console.time_ranges import check_year
from integrahub.domain import cursors

Top = tuple[datetime, UUID]  # time and id of a line
_MAX_BIGINT = 2**63 - 1
_LAST_ID = UUID(int=2**128 - 1)
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


def decode_top(query: QueryParams) -> Top | None:
    """Return the first line that the reader of a live list sees, or None: the list begins with the newest line."""
    values = decode_cursor(query.get("top"), read_time, UUID)
    return (values[0], values[1]) if values else None


def hold_top(query: QueryParams, top: Top | None, first: Top | None, now: datetime) -> dict[str, str]:
    """Return the query of the live updates of a list, of which `first` is the newest line that it shows.

    An empty list is held too. Lines after a cursor do not move by themselves.
    """
    kept = dict(query)
    if "cursor" not in query:
        time, line_id = top or first or (now, _LAST_ID)
        kept["top"] = cursors.encode(time.isoformat(), str(line_id))
    return kept


def read_time(text: str) -> datetime:
    """Return the time of a cursor, in UTC. Raise ValueError for another text."""
    return check_year(datetime.fromisoformat(text)).astimezone(UTC)


def _check(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > _MAX_BIGINT:
        raise ValueError(value)
    return value
