"""Cursors: where a listing goes on, as text a client hands back unread."""

import base64
import binascii
from typing import Any

import msgspec

MAX_CURSOR_LENGTH = 500  # characters: twice what any listing gives out


class InvalidCursor(ValueError):
    """The text is not a cursor this hub gave."""


def encode(*values: str | int) -> str:
    """The values as one word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode(cursor: str, *kinds: type) -> list[Any]:
    """Return the values of a cursor; BadCursor unless they are of these kinds and it is no longer than any given."""
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise InvalidCursor(cursor[:40])
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=list[Any])
    except (UnicodeError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise InvalidCursor(cursor) from None
    if [type(value) for value in values] != list(kinds):
        raise InvalidCursor(cursor)
    return values
