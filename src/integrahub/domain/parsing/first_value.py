"""First record of a body, read from the body's beginning."""

from integrahub.domain.parsing.value_scanner import ValueScanner

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


def read_first_value(head: bytes, media_type: str) -> bytes | None:
    """Return the first record; empty if it is no complete object, None if the body has no record."""
    start = head.removeprefix(_BOM).lstrip(_BLANK)
    if "ndjson" not in media_type:
        start = start.removeprefix(b"[").lstrip(_BLANK)
    if not start or start.startswith(b"]"):
        return None
    return _first_object(start)


def _first_object(start: bytes) -> bytes:
    if start[:1] != b"{":
        return b""
    flat = start[: start.find(b"}") + 1]
    if flat.count(b"{") == 1 and not flat.count(b'"') % 2 and b"\\" not in flat:
        return flat
    end = ValueScanner().scan(start, 0)
    return start[:end] if end > 0 else b""
