"""Body inspection: a catalogue in UTF-8 passes, any other content is identified by its first bytes."""

import gzip
import io
import json
import zipfile
import zlib

import pytest
import zstandard

from integrahub.domain.messages.catalog import MESSAGES, render_message
from integrahub.domain.parsing.body_inspection import inspect_head

_JSON, _LINES = "application/json", "application/x-ndjson"
_RECORDS = [{"PRODUCTID": 1, "TITLE": "PASTILHA LIMÃO"}, {"PRODUCTID": 2, "TITLE": "CAFÉ"}]
_TEXT = json.dumps(_RECORDS, ensure_ascii=False)
_GOOD = _TEXT.encode()
_LINE = b'{"PRODUCTID":1,"TITLE":"A"}'


def _zip(body: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("catalogo.json", body)
    return made.getvalue()


LOOKS: dict[str, tuple[bytes, str, str]] = {
    "UTF-16 with its mark": (_TEXT.encode("utf-16"), _JSON, "body_utf16"),
    "UTF-16 without": (_TEXT.encode("utf-16-le"), _JSON, "body_utf16"),
    "UTF-16, the other way": (_TEXT.encode("utf-16-be"), _JSON, "body_utf16"),
    "UTF-32": (_TEXT.encode("utf-32"), _JSON, "body_utf16"),
    "lines in UTF-16": (_LINE.decode().encode("utf-16-le"), _LINES, "body_utf16"),
    "gzip": (gzip.compress(_GOOD), _JSON, "body_compressed"),
    "lines in gzip": (gzip.compress(_LINE), _LINES, "body_compressed"),
    "zstd": (zstandard.compress(_GOOD), _JSON, "body_compressed"),
    "deflate": (zlib.compress(_GOOD), _JSON, "body_archive"),
    "zip": (_zip(_GOOD), _JSON, "body_archive"),
    "Windows-1252": (_TEXT.encode("cp1252"), _JSON, "body_not_utf8"),
    "one accent in Windows-1252": ('[{"PRODUCTID":1,"TITLE":"CAFÉ"}]'.encode("cp1252"), _JSON, "body_not_utf8"),
    "lines in Windows-1252": ('{"PRODUCTID":1,"TITLE":"SABÃO"}\n'.encode("cp1252"), _LINES, "body_not_utf8"),
    "nothing": (b"", _JSON, "body_absent"),
    "blanks": (b"\r\n ", _JSON, "body_absent"),
    "text": (b"hello", _JSON, "not_array"),
    "a warning": (b"Warning: Undefined variable\n" + _GOOD, _JSON, "not_array"),
    "a warning in HTML": (b"<br />\n<b>Warning</b>: Undefined" + _GOOD, _JSON, "body_html"),
    "a page": (b"<!DOCTYPE html><html>", _JSON, "body_html"),
    "XML": (b'<?xml version="1.0"?><produtos/>', _JSON, "body_xml"),
    "CSV": (b"PRODUCTID;TITLE;PRICE\r\n1;DIPIRONA;5,00\r\n", _JSON, "body_csv"),
    "CSV in quotes": (b'"PRODUCTID","TITLE","PRICE"\n1,2,3\n', _JSON, "body_csv"),
    "CSV as lines": (b"1;DIPIRONA;5,00\n", _LINES, "body_csv"),
    "JSON in a string": (json.dumps(_TEXT).encode(), _JSON, "body_json_text"),
    "a wrapper": (json.dumps({"products": _RECORDS}).encode(), _JSON, "body_wrapped"),
    "a wrapper with more": (json.dumps({"status": 1, "data": _RECORDS}).encode(), _JSON, "body_wrapped"),
    "an empty wrapper": (b'{"products":[]}', _JSON, "body_wrapped"),
    "a cut wrapper": (b'{"products":[{"PRODUCTID":1', _JSON, "body_wrapped"),
    "one product": (_LINE, _JSON, "body_single_object"),
    "one product with arrays": (b'{"PRODUCTID":1,"X":[{"a":1}]}', _JSON, "body_single_object"),
    "an empty object": (b"{}", _JSON, "body_single_object"),
    "lines as JSON": (_LINE + b"\n" + _LINE, _JSON, "body_ndjson"),
    "an array as lines": (_GOOD, _LINES, "body_array_as_ndjson"),
    "a long array as lines": (b"[\n" + _LINE + b"\n]", _LINES, "body_array_as_ndjson"),
    "records over several lines": (b'{\n  "PRODUCTID": 1\n}\n', _LINES, "ndjson_multiline"),
}

PASSES: dict[str, tuple[bytes, str]] = {
    "an array": (_GOOD, _JSON),
    "with a mark": (b"\xef\xbb\xbf" + _GOOD, _JSON),
    "after blanks": (b"\r\n\t " + _GOOD, _JSON),
    "an empty array": (b"[]", _JSON),
    "lines": (_LINE + b"\n" + _LINE, _LINES),
    "no lines": (b"", _LINES),
    "a line that is no record": (b"7\n" + _LINE, _LINES),
    "cut within a character": (_GOOD[: _GOOD.index("Ã".encode()) + 1], _JSON),
    "one character that was cut": (_GOOD[:-3] + b'\xc3"}]', _JSON),
    "a cut character without others": (b'[{"PRODUCTID":1,"TITLE":"MA\xc3"}]', _JSON),
    "a longer one that was cut": (b'[{"PRODUCTID":1,"TITLE":"MA\xe2\x80"}]', _JSON),
    "a stray byte among good ones": (_GOOD[:-3] + b'\xe9 ","B":"\xc3\xa9 \xc3\xa9"}]', _JSON),
    "a stray byte among escapes": (b'[{"PRODUCTID":1,"TITLE":"CAF\\u00c9 \xc9 \\u00e7"}]', _JSON),
    "bytes of nothing": (b'[{"PRODUCTID":1,"TITLE":"\xff\xfe"}]', _JSON),
}


@pytest.mark.parametrize("case", LOOKS)
def test_a_body_that_is_no_catalogue_is_named(case: str) -> None:
    body, media_type, code = LOOKS[case]
    fault = inspect_head(body, media_type, "")
    assert fault and fault.code == code
    assert all(render_message(code, fault.facts))


@pytest.mark.parametrize("case", PASSES)
def test_a_catalogue_passes_also_with_a_record_at_fault(case: str) -> None:
    assert inspect_head(*PASSES[case], "") is None


def test_gzip_within_gzip_is_told_from_gzip_without_its_header() -> None:
    fault = inspect_head(gzip.compress(_GOOD), _JSON, "gzip")
    assert fault and fault.code == "body_compressed_twice" and fault.facts == {"kind": "gzip"}


def test_the_byte_that_is_no_utf_8_is_named() -> None:
    body = _TEXT.encode("cp1252")
    fault = inspect_head(body, _JSON, "")
    assert fault and fault.facts == {"offset": body.index("Ã".encode("cp1252")), "found": "C3", "text": "Ã"}


def test_every_code_has_a_case() -> None:
    tried = {code for _, _, code in LOOKS.values()} | {"body_compressed_twice"}
    own = {code for code in MESSAGES if code.startswith(("body_", "ndjson_", "not_array"))}
    later = {
        "body_truncated",
        "body_malformed",
        "body_no_catalogue",
        "body_missing",
        "body_damaged",
        "body_empty",
        "body_too_large",
    }
    assert own - tried - later - {"body_inflates", "body_timeout"} == set()
