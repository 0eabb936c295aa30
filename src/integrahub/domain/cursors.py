"""Opaque cursors of paged listings."""

import base64
import binascii
from typing import Any

import msgspec

MAX_CURSOR_LENGTH = 500  # characters; the cursors of all listings are at most half as long


class InvalidCursor(ValueError):
    """The text is no cursor of this listing."""


def encode(*values: str | int) -> str:
    """Encode the position in a listing as a URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode(cursor: str, *kinds: type) -> list[Any]:
    """Decode the values of a cursor; raise InvalidCursor if they are not of these types, in this order."""
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
