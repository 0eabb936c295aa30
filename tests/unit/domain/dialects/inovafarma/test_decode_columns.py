"""Column decoder: its result equals that of the record-by-record decoder, and usual chunks use it."""

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import LONG

from integrahub.domain.copy_text import NULL, copy_text
from integrahub.domain.dialects.inovafarma.decode_columns import decode_columns
from integrahub.domain.dialects.inovafarma.identify import identify
from integrahub.domain.dialects.inovafarma.normalise import normalise
from integrahub.tools.demo.catalogue import load_sample

CNPJ = "05927228000145"
ZONE = ZoneInfo("America/Sao_Paulo")
TEXT = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", " ", "null", "None", "\\N", "a\tb", "a\nb", 'x"y', "\\", "é", "A B", "{}", "\0", "\u00a0x"]),
    st.integers(-5, 5),
)
NUMBER = st.one_of(
    st.integers(-3, 10**12),
    st.floats(-2, 1e12),
    st.decimals(-1, 100, places=5).map(float),
    st.sampled_from(
        [
            "1.000",
            " 0.500 ",
            "1.234.567",
            "12,50",
            "1.234,56",
            "",
            " ",
            "x",
            "-1",
            "7",
            None,
            0,
            0.0,
            -0.0,
            5e-05,
            0.00004,
            1e-7,
            1e300,
            True,
        ]
    ),
)
DATE = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(["", None, "bad", "2024-02-30T00:00:00", "2024-W05-1T13:21:11", "20240705T132111.991"]),
    st.sampled_from(["2024-07-05T13:21:11Z", "2024-07-05T13:21+00", "2024-07-05T13:21:11,991", "2024-07-05 13:21:11"]),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["TITLE", "DESCRIPTION", "BRAND", "SHOPID", "SIZE", "EAN", "MEASURE"], st.one_of(TEXT, st.none())),
    **dict.fromkeys(["PRICE", "PRICEPROMO", "QUANTITY", "WHOLESALEPRICE", "WHOLESALEMIN", "INDICE"], NUMBER),
    **dict.fromkeys(["DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE"], DATE),
    "CNPJ": st.sampled_from([CNPJ, "05.927.228/0001-45", int(CNPJ), "", None, "33000167000101"]),
    "UNKNOWN": st.sampled_from([1, [1], {"a": None}]),
}
RECORDS = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 9), st.sampled_from(["5", " 7 ", "", None, 0, 1 << 63, "x"])),
        st.lists(st.sampled_from(sorted(VALUES)), max_size=6, unique=True).flatmap(
            lambda keys: st.fixed_dictionaries({key: VALUES[key] for key in keys})
        ),
    ).map(lambda drawn: {"PRODUCTID": drawn[0], "TITLE": "T"} | drawn[1]),
    min_size=1,
    max_size=4,
)


def one_by_one(records: list[Any], load_type: str) -> Any:
    raws = [json.dumps(record).encode() for record in records]
    sources = [(position, position, identify(raw), raw) for position, raw in enumerate(raws)]
    return normalise(sources, cnpj=CNPJ, load_type=load_type, zone=ZONE, max_record=65536)


def meaning(line: str) -> tuple[Any, ...]:
    """Return a line without its hash as PostgreSQL reads it: rounded numbers, times without notation."""
    values: list[Any] = line.split("\t")
    for place, digits in {12: 4, 13: 4, 15: 3, 16: 3, 18: 3}.items():
        values[place] = values[place] if values[place] == NULL else _rounded(values[place], digits)
    values[14] = [_rounded(one, 4) for one in values[14].strip("{}").split(",") if one] if values[14] != NULL else NULL
    for place in (19, 20, 21):
        value = values[place].replace("T", " ")
        values[place] = value.rstrip("0").rstrip(".") if "." in value else value
    return tuple(str(value) for value in values[1:])


def _rounded(value: str, places: int) -> Any:
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0


@settings(max_examples=1500 if LONG else 300, deadline=None)
@given(RECORDS, st.sampled_from(["full", "delta"]), st.booleans())
def test_what_is_read_at_once_is_what_is_read_one_by_one(records: list[Any], load_type: str, ascii_only: bool) -> None:
    text = json.dumps(records, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    lines = decode_columns(text, range(len(records)), cnpj=CNPJ, load_type=load_type)
    if lines is None:
        return
    slow = one_by_one(records, load_type)
    assert (slow.issues, slow.merged, slow.rejected, slow.unknown) == ([], 0, 0, {})
    expected = {row[0]: copy_text([("", str(row[0]), *row[1:-3])]).decode() for row in slow.products}
    assert list(lines.ids) == [row[0] for row in slow.products]
    for identity, line in zip(lines.ids, lines.texts, strict=True):
        assert meaning(line) == meaning(expected[identity])
        assert load_type == "delta" or line.split("\t")[2] != NULL


@pytest.mark.parametrize("load_type", ["full", "delta"])
def test_the_real_catalogue_is_read_at_once(load_type: str) -> None:
    records = load_sample()
    lines = decode_columns(
        json.dumps(records, ensure_ascii=False).encode(), range(len(records)), cnpj=CNPJ, load_type=load_type
    )
    assert lines is not None
    slow = {
        row[0]: copy_text([("", str(row[0]), *row[1:-3])]).decode() for row in one_by_one(records, load_type).products
    }
    assert all(meaning(line) == meaning(slow[i]) for i, line in zip(lines.ids, lines.texts, strict=True))
    assert len(lines.ids) == len(records)


@pytest.mark.parametrize(
    "change",
    [
        *({"PRICE": "12,50"}, {"BRAND": None}, {"PRICEPROMO": None}, {"QUANTITY": "7"}, {"TITLE": 'a "quoted" title'}),
        *(
            {"DATACADASTROPRODUTO": ""},
            {"DESCRIPTION": "two\nlines"},
            {"CNPJ": "05.927.228/0001-45"},
            {"PRODUCTID": "77"},
        ),
    ],
)
def test_what_erps_often_send_is_read_at_once(change: dict[str, Any]) -> None:
    record = load_sample()[0] | change
    assert decode_columns(json.dumps([record]).encode(), [0], cnpj=CNPJ, load_type="full") is not None


@pytest.mark.parametrize("size", [0, 2])
def test_nothing_and_repeats_are_left_to_the_reader_of_single_records(size: int) -> None:
    assert (
        decode_columns(json.dumps(load_sample()[:1] * size).encode(), range(size), cnpj=CNPJ, load_type="full") is None
    )
