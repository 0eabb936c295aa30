"""Bodies that are no catalogue in UTF-8: what they look like by their first bytes, so that a refusal can say it."""

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


class Fault(NamedTuple):
    """Why a body is refused: a code of `sentences` and its facts. `is_encoding` when its bytes are no UTF-8 text."""

    code: str
    facts: dict[str, object]
    is_encoding: bool = False


def inspect_head(head: bytes, media_type: str, encoding: str) -> Fault | None:
    """Look at a body's first decoded bytes; None when they may begin a catalogue in UTF-8."""
    start = head.removeprefix(_BOM).lstrip(_BLANK)
    is_lines = "ndjson" in media_type
    fault = _encoding_of(head, encoding)
    if fault is None and not start.startswith(b"{" if is_lines else b"["):
        fault = _shape_of(start, is_lines)
    elif fault is None and is_lines and start.partition(b"\n")[0].rstrip(_BLANK) == b"{":
        fault = Fault("ndjson_multiline", {"found": "{"})
    return fault or _charset_of(head)


def _encoding_of(head: bytes, encoding: str) -> Fault | None:
    for magic, kind in _COMPRESSED:
        if head.startswith(magic):
            code = "body_compressed_twice" if encoding else "body_compressed"
            return Fault(code, {"kind": kind}, is_encoding=True)
    for magic, kind in _ARCHIVES:
        if head.startswith(magic):
            return Fault("body_archive", {"kind": kind}, is_encoding=True)
    if 0 in head[:8] or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Fault("body_utf16", {"found": head[:4].hex(" ").upper()}, is_encoding=True)
    return None


def _shape_of(start: bytes, is_lines: bool) -> Fault | None:
    if is_lines:
        is_array = _ARRAY_OF_OBJECTS.match(start.partition(b"\n")[0])
        return Fault("body_array_as_ndjson", {}) if is_array else _text_of(start)
    if not start:
        return Fault("body_absent", {})
    if start.startswith(b"{"):
        return _object_of(start)
    return _text_of(start) or Fault("not_array", {"found": _quoted(start)})


def _text_of(start: bytes) -> Fault | None:
    if _JSON_TEXT.match(start):
        return Fault("body_json_text", {})
    if start.startswith(b"<"):
        return Fault("body_html" if _HTML.match(start) else "body_xml", {"found": _quoted(start)})
    if _CSV.match(start[:4096]):
        return Fault("body_csv", {"found": _quoted(start)})
    return None


def _object_of(start: bytes) -> Fault:
    end = ValueScanner().scan(start, 0)
    if end > 0 and start[end:].lstrip(_BLANK).startswith(b"{"):
        return Fault("body_ndjson", {})
    member, product_id = _ARRAY_MEMBER.search(start), _PRODUCT_ID.search(start)
    if member and not (product_id and product_id.start() < member.start()):
        return Fault("body_wrapped", {"name": member[1].decode(errors="replace")})
    return Fault("body_single_object", {})


def _charset_of(head: bytes) -> Fault | None:
    if head.isascii():
        return None
    try:
        head.decode()
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data"
        accents = find_accents(head, error.start)
    else:
        return None
    if cut or len(accents.alien) <= accents.utf8 + accents.escaped:
        return None  # a broken record in a body of UTF-8 costs itself alone
    place = accents.alien[0]
    facts = {"offset": place, "found": f"{head[place]:02X}", "text": head[place : place + 1].decode("cp1252")}
    return Fault("body_not_utf8", facts, is_encoding=True)


def _quoted(start: bytes) -> str:
    return start[:20].decode(errors="replace")
