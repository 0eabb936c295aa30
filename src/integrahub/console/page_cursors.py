"""Cursors of the console's pages: a cursor that is not one begins at the first page."""

from typing import Any

from integrahub.domain import cursors


def decode_cursor(cursor: str | None, *kinds: type) -> list[Any] | None:
    """Return the values of a cursor, or None."""
    if not cursor:
        return None
    try:
        return cursors.decode(cursor, *kinds)
    except cursors.InvalidCursor:
        return None
