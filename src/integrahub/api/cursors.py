"""Cursors of listings, read from a request."""

from typing import Any

from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest


def decode_id(cursor: str | None) -> int | None:
    """Return the row id in a cursor, or None without one. Raise BadRequest if the cursor is not one of the hub's."""
    values = decode_values(cursor, int)
    return None if values is None else int(values[0])


def decode_values(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Return the values in a cursor, or None without one. Raise BadRequest if the cursor is not one of the hub's."""
    if not cursor:
        return None
    try:
        return tuple(cursors.decode(cursor, *kinds))
    except cursors.InvalidCursor:
        raise BadRequest("cursor_invalid") from None
