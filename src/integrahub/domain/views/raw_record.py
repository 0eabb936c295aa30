"""A record as it was sent, cut to the part around one of its members."""

import json
import re

import msgspec

_MAX_SIDE = 400  # characters shown before and after the marked member
_MAX_MARKED = 600  # characters of the marked member
_MAX_UNMARKED = 1400  # characters of a record in which nothing is marked
_WHITE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class MarkedText(msgspec.Struct, frozen=True):
    """Text in three parts, of which `marked` is what a message is about. `is_cut` says whether an end was cut off."""

    before: str
    marked: str
    after: str
    is_cut_before: bool = False
    is_cut_after: bool = False


def mark_member(record: bytes, key: str) -> MarkedText:
    """Return a raw record with the member `key` marked, shortened around it.

    Nothing is marked if the key is empty, or if the record is no JSON object with that member.
    """
    text = record.decode("utf-8", "replace")
    member = _find_member(text, key)
    if member is None:
        return MarkedText(text[:_MAX_UNMARKED], "", "", is_cut_after=len(text) > _MAX_UNMARKED)
    start, end = member
    first, last_marked = max(0, start - _MAX_SIDE), min(end, start + _MAX_MARKED)
    last = end + _MAX_SIDE if last_marked == end else last_marked
    return MarkedText(
        text[first:start], text[start:last_marked], text[last_marked:last], first > 0, is_cut_after=last < len(text)
    )


def mark_offset(content: bytes, offset: int, *, is_end: bool) -> MarkedText:
    """Return bytes around `offset`, of which the character there is marked. `is_end`: nothing follows `content`."""
    before = content[max(0, offset - _MAX_SIDE) : offset].decode("utf-8", "replace")
    rest = content[offset : offset + _MAX_SIDE].decode("utf-8", "replace")
    is_cut_after = not is_end or len(content) > offset + _MAX_SIDE
    return MarkedText(before, rest[:1], rest[1:], offset > len(before.encode()), is_cut_after)


def _find_member(text: str, key: str) -> tuple[int, int] | None:
    """Return where the last member `key` of a JSON object begins and ends; later members win, as in a decoder."""
    found = None
    position = _skip_white(text, 0)
    if not key or text[position : position + 1] != "{":
        return None
    try:
        while text[position : position + 1] in ("{", ","):
            start = _skip_white(text, position + 1)
            name, end = _DECODER.raw_decode(text, start)
            value_start = _skip_white(text, _skip_white(text, end) + 1)
            _, end = _DECODER.raw_decode(text, value_start)
            if name == key:
                found = (start, end)
            position = _skip_white(text, end)
    except (ValueError, RecursionError):
        return found
    return found


def _skip_white(text: str, position: int) -> int:
    match = _WHITE.match(text, position)
    return match.end() if match else position
