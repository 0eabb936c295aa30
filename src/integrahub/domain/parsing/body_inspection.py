"""Inspection of a body's first bytes: finds bodies that are no catalogue in UTF-8, and says what they are."""

import re
from typing import NamedTuple

from integrahub.domain.parsing.charsets import find_accents
from integrahub.domain.parsing.value_scanner import ValueScanner

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_ARCHIVES = (
    (b"\xfd7zXZ", "xz"),
    (b"\x78\x9c", "zlib (deflate)"),
    (b"\x78\xda", "zlib (deflate)"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a", "rar"),
    (b"BZh", "bzip2"),
)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|br|b>|div|p>|pre|font|h1)", re.IGNORECASE)
_JSON_TEXT = re.compile(rb'"\s*(?:\\[nrt]\s*)*[\[{]')
_CSV = re.compile(rb"[^\r\n;,\t{}\[\]]+(?:[;,\t][^\r\n;,\t{}\[\]]*){2,}(?:[\r\n]|\Z)")
_ARRAY_MEMBER = re.compile(rb'"((?:[^"\\]|\\.){1,60})"\s*:\s*\[\s*[\[{\]]')
_PRODUCT_ID = re.compile(rb'"product_?id"\s*:', re.IGNORECASE)
_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*(?:\{|\Z)")


class HeadError(NamedTuple):
    """Why a body is refused: the code of a message and its facts. `is_encoding`: the bytes are no text in UTF-8."""

    code: str
    facts: dict[str, object]
    is_encoding: bool = False


def inspect_head(head: bytes, media_type: str, encoding: str) -> HeadError | None:
    """Inspect the first decoded bytes of a body; return None if they may begin a catalogue in UTF-8."""
    start = head.removeprefix(_BOM).lstrip(_BLANK)
    is_lines = "ndjson" in media_type
    error = _check_encoding(head, encoding)
    if error is None and not start.startswith(b"{" if is_lines else b"["):
        error = _check_shape(start, is_lines=is_lines)
    elif error is None and is_lines and start.partition(b"\n")[0].rstrip(_BLANK) == b"{":
        error = HeadError("ndjson_multiline", {"found": "{"})
    return error or _check_charset(head)


def _check_encoding(head: bytes, encoding: str) -> HeadError | None:
    for magic, kind in _COMPRESSED:
        if head.startswith(magic):
            code = "body_compressed_twice" if encoding else "body_compressed"
            return HeadError(code, {"kind": kind}, is_encoding=True)
    for magic, kind in _ARCHIVES:
        if head.startswith(magic):
            return HeadError("body_archive", {"kind": kind}, is_encoding=True)
    if 0 in head[:8] or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return HeadError("body_utf16", {"found": head[:4].hex(" ").upper()}, is_encoding=True)
    return None


def _check_shape(start: bytes, *, is_lines: bool) -> HeadError | None:
    if is_lines:
        is_array = _ARRAY_OF_OBJECTS.match(start.partition(b"\n")[0])
        return HeadError("body_array_as_ndjson", {}) if is_array else _check_text(start)
    if not start:
        return HeadError("body_absent", {})
    if start.startswith(b"{"):
        return _describe_object(start)
    return _check_text(start) or HeadError("not_array", {"found": _excerpt(start)})


def _check_text(start: bytes) -> HeadError | None:
    if _JSON_TEXT.match(start):
        return HeadError("body_json_text", {})
    if start.startswith(b"<"):
        return HeadError("body_html" if _HTML.match(start) else "body_xml", {"found": _excerpt(start)})
    if _CSV.match(start[:4096]):
        return HeadError("body_csv", {"found": _excerpt(start)})
    return None


def _describe_object(start: bytes) -> HeadError:
    end = ValueScanner().scan(start, 0)
    if end > 0 and start[end:].lstrip(_BLANK).startswith(b"{"):
        return HeadError("body_ndjson", {})
    member, product_id = _ARRAY_MEMBER.search(start), _PRODUCT_ID.search(start)
    if member and not (product_id and product_id.start() < member.start()):
        return HeadError("body_wrapped", {"name": member[1].decode(errors="replace")})
    return HeadError("body_single_object", {})


def _check_charset(head: bytes) -> HeadError | None:
    if head.isascii():
        return None
    try:
        head.decode()
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data"
        accents = find_accents(head, error.start)
    else:
        return None
    if is_cut or len(accents.alien) <= accents.utf8 + accents.escaped:
        return None  # UTF-8: the head ends inside a character, or a few records have broken bytes
    offset = accents.alien[0]
    text = head[offset : offset + 1].decode("cp1252")
    facts = {"offset": offset, "found": f"{head[offset]:02X}", "text": text}
    return HeadError("body_not_utf8", facts, is_encoding=True)


def _excerpt(start: bytes) -> str:
    return start[:20].decode(errors="replace")
