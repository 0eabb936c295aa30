"""Record reader: the same records for any blocks; it refuses only bodies without record borders."""

import gc
import gzip
import json
import weakref
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import LONG

from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords, create_reader

ARRAY = "application/json"
LINES = "application/x-ndjson"
_texts = st.text(st.sampled_from('ab"\\{}[],: \n\té'), max_size=8) | st.sampled_from(['},{"', '"},{"', "\\"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_arrays = st.lists(st.dictionaries(_texts, _values, max_size=4) | _values, max_size=12)


def cut(body: bytes, places: list[int], media_type: str = ARRAY, max_record: int = 65536) -> RawRecords:
    reader = create_reader(media_type, max_record)
    whole = RawRecords()
    borders = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    runs = [reader.feed(body[start:end]) for start, end in pairwise(borders)]
    for run in [*runs, reader.close()]:
        whole.records += run.records
        whole.offsets += run.offsets
    return whole


def texts(run: RawRecords) -> list[bytes]:
    return [record.prefix if isinstance(record, OversizeRecord) else bytes(record) for record in run.records]


@settings(max_examples=400 if LONG else 100, deadline=None)
@given(_arrays, st.sampled_from([None, 1]), st.lists(st.integers(0, 10_000), max_size=6), st.booleans())
def test_records_equal_what_a_parser_of_the_whole_body_gives(
    values: list[Any], indent: int | None, places: list[int], ascii_only: bool
) -> None:
    body = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    run = cut(body, places)
    assert [json.loads(text) for text in texts(run)] == values
    for text, offset in zip(texts(run), run.offsets, strict=True):
        assert body[offset : offset + len(text)] == text


@settings(max_examples=200 if LONG else 60, deadline=None)
@given(_arrays, st.lists(st.integers(0, 10_000), max_size=4), st.integers(0, 10_000))
def test_every_truncation_of_an_array_is_refused(values: list[Any], places: list[int], end: int) -> None:
    body = json.dumps(values).encode()
    with pytest.raises(BodyError):
        cut(body[: end % len(body)], places)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_record_that_is_not_json_stays_one_record_among_good_ones(size: int) -> None:
    bad = [b'{"A":NaN}', b'{"A":"\x01"}', b'{"A":"\\ud800"}', b"[" * 2000 + b"]" * 2000, b"nan", b'{"A":"\xff"}']
    records = [item for text in bad for item in (b'{"P":1}', text)]
    body = b"[" + b",".join(records) + b"]"
    assert texts(cut(body, list(range(0, len(body), size)))) == records


@pytest.mark.parametrize("size", [1, 50, 5000])
@pytest.mark.parametrize("media_type", [ARRAY, LINES])
def test_a_record_over_the_limit_keeps_its_beginning_and_its_length(media_type: str, size: int) -> None:
    long = b'{"T":"' + b"},{" * 1000 + b'"}'
    joint, start, end = (b",", b"[", b"]") if media_type == ARRAY else (b"\n", b"", b"\n")
    body = start + joint.join([b'{"P":1}', long, b'{"P":2}']) + end
    run = cut(body, list(range(0, len(body), size)), media_type, 300)
    assert texts(run) == [b'{"P":1}', long[:256], b'{"P":2}']
    assert run.records[1] == OversizeRecord(long[:256], len(long))
    assert run.offsets == [body.index(b'{"P":1}'), body.index(long), body.index(b'{"P":2}')]


@pytest.mark.parametrize(
    ("body", "code", "offset"),
    [
        (b"", "body_truncated", 0),
        (b"  ", "body_truncated", 2),
        (b"{}", "body_malformed", 0),
        (b"text", "body_malformed", 0),
        (b'[{"a":1} {"b":2}]', "body_malformed", 9),
        (b'[{"a":1},]', "body_malformed", 9),
        (b'[{"a":1}]x', "body_malformed", 9),
        (b'[{"a":1]}', "body_malformed", 8),
        (b'[{"a":"1},{"b":2}]', "body_truncated", 18),
    ],
)
def test_a_body_that_cannot_be_delimited_is_refused_with_the_byte(body: bytes, code: str, offset: int) -> None:
    with pytest.raises(BodyError) as caught:
        cut(body, [])
    assert (caught.value.code, caught.value.offset) == (code, offset)


def test_a_byte_order_mark_and_blanks_are_no_part_of_any_record() -> None:
    body = b'\xef\xbb\xbf \r\n[ {"a":1}\t,\n{"b":2} ]\n'
    assert texts(cut(body, list(range(len(body))))) == [b'{"a":1}', b'{"b":2}']
    lines = b'\xef\xbb\xbf{"a":1}\r\n\r\n {"b":2} '
    assert texts(cut(lines, list(range(len(lines))), LINES)) == [b'{"a":1}', b'{"b":2}']


def test_the_real_catalogue_is_cut_alike_as_lines_and_as_an_array() -> None:
    lines = gzip.decompress((files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes())
    records = [line for line in lines.split(b"\n") if line]
    body = b"[" + b",".join(records) + b"]"
    places = list(range(0, len(lines), 65536))
    assert texts(cut(lines, places, LINES)) == records == texts(cut(body, places))


@pytest.mark.parametrize("media_type", [ARRAY, LINES])
def test_a_cutter_that_is_let_go_of_keeps_no_records(media_type: str) -> None:
    gc.disable()  # workers collect cycles rarely: a reader in one kept each chunk's records
    try:
        reader = create_reader(media_type, 65536)
        reader.feed(b'[{"PRODUCTID":1},7,{"PRODUCTID":2}]' if media_type == ARRAY else b'{"PRODUCTID":1}\n7\n')
        reader.close()
        kept = weakref.ref(reader)
        del reader
        assert kept() is None
    finally:
        gc.enable()
