"""The published schema and the code agree on ten thousand records around every limit."""

import json
import random
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from jsonschema import Draft202012Validator

from integrahub.domain.dialects.inovafarma.decode_columns import decode_columns
from integrahub.domain.dialects.inovafarma.identify import identify, identify_all
from integrahub.domain.dialects.inovafarma.json_schema import build_schema
from integrahub.domain.dialects.inovafarma.normalise import normalise

CNPJ = "05927228000145"
_RECORDS = 10_000
# As clients get it: written as JSON, its numbers read with all their digits.
_SCHEMA = json.loads(msgspec.json.encode(build_schema()), parse_float=Decimal)
_TEXTS = ["", " ", "Dipirona", "a\u0000b", "ção “x”\n", 7, 1.5, True, None, [], {}, ["a"], "null"]
_AMOUNTS = [
    *[0, 1, -1, 12.5, "12,50", "1.234,56", "1,234.56", "1.234.567", " 7 ", "", " ", None, "1e2", ".5", ",5", "5."],
    *["+3", "abc", "12,5,0", "1.23,45", "R$ 5", "NaN", True, [], {}, "-", ".", "1 2", "0" * 99, "0" * 101, "-0"],
    *["-1", "-2,5", 9999999999, 9999999999.9999, 10**10, 10**11, -(10**10), -(10**11), 99999999999, "10000000000"],
    *["9999999999,9999", "9999999999.99995", "9999999999.99994", "99999999999.9995", "99999999999.9994", 1e300],
    *["9.999.999.999,99", "99.999.999.999,99", "9,999,999,999.9", "1.234.567.890.123", "100000000000"],
    *[-0.00001, -0.00005, -0.0001, -0.0005],
    *["1.000", " 12.500 ", "+999.999", "0.500", "1000.000", "-1.000", "1.0000", "1,000", 1.125],
]
_IDS = [
    *[1, 201, "201", " 201 ", "0201", 0, -1, "0", "-1", "", " ", None, "x", "1.5", 1.5, True, [], {}, 201.0, "1e3"],
    *[(1 << 63) - 1, 1 << 63, str((1 << 63) - 1), str(1 << 63), "9223372036854775799", "9223372036854775810"],
    *["8" * 19, "9" * 19, "1" * 20, "0" * 39 + "1", "0" * 40 + "1"],
]
_DATES = [
    *["2026-03-01", "2026-03-01T10:20:30", "2026-03-01 10:20:30.123", "2026-03-01T10:20:30Z", "", " ", None, 20260301],
    *["2026-12-31T23:59:59-03:00", "2024-02-29", "2026-02-29", "2000-02-29", "1900-02-29", "2026-04-31", "2026-13-01"],
    *["2026-00-10", "32/01/2026", [], {}, True, "ontem", "2026-03-01T24:00:00", "2026-03-01T10:60", "0000-01-01"],
    *["2026-3-1"],
]
_SEVEN: Any = [[[[[[["x"]]]]]]]
_DEEP = ["x", 1, None, [], {}, "\u0000", {"a": "\u0000"}, {"a\u0000": 1}, _SEVEN, [_SEVEN], {"a": {"b": [1]}}]
_VALUES: dict[str, list[Any]] = {
    **dict.fromkeys(["TITLE", "DESCRIPTION", "BRAND", "EAN", "SIZE", "MEASURE", "IMAGELINK", "shopId"], _TEXTS),
    **dict.fromkeys(["PRICE", "wholesalePrice", "PRICEPROMO", "QUANTITY", "WHOLESALEMIN", "indice"], _AMOUNTS),
    **dict.fromkeys(["DATACADASTROPRODUTO", "DATAATUALIZACAOESTOQUE"], _DATES),
    **dict.fromkeys(["NEWKEY", "key\u0000", "other"], _DEEP),
    "CNPJ": [CNPJ, int(CNPJ), None, "", "05.927.228/0001-45"],
}
_USUAL: dict[str, Any] = {"PRODUCTID": 7, "TITLE": "A"}


def _draw(random_: random.Random) -> Any:
    """Draw a record, mostly valid, with one or two values near a limit."""
    if random_.random() < 0.01:
        return random_.choice([None, [], "x", 1, {}])
    record = dict(_USUAL)
    if random_.random() < 0.3:
        record.pop("PRODUCTID")
        record[random_.choice(["PRODUCTID", "productId", "other"])] = random_.choice(_IDS)
    if random_.random() < 0.1:
        record.pop("TITLE")
    for key in random_.sample(list(_VALUES), random_.randint(0, 2)):
        record.pop("TITLE" if key == "TITLE" else "", None)
        record[key] = random_.choice(_VALUES[key])
    return record


def _applied(raw: bytes, load_type: str) -> bool:
    zone = ZoneInfo("America/Sao_Paulo")
    found = normalise([(0, 0, 7, raw)], cnpj=CNPJ, load_type=load_type, zone=zone, max_record=65536)
    return not found.issues and len(found.products) == 1


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(msgspec.json.encode(build_schema())))


@pytest.mark.parametrize("load_type", ["full", "delta"])
def test_what_the_schema_takes_is_applied_without_a_word_and_what_it_refuses_is_told(load_type: str) -> None:
    schema = dict(_SCHEMA)
    if load_type == "full":
        schema["allOf"] = [*_SCHEMA["allOf"], *_SCHEMA["$defs"]["full"]["allOf"][1:]]
    validator = Draft202012Validator(schema)
    random_ = random.Random(load_type)
    valid = 0
    for _ in range(_RECORDS // 2):
        raw = json.dumps(_draw(random_)).encode()
        takes = validator.is_valid(json.loads(raw, parse_float=Decimal))
        assert takes == _applied(raw, load_type), raw
        valid += takes
    assert _RECORDS // 8 < valid < _RECORDS * 3 // 8  # both kinds were drawn often


def test_a_key_that_comes_twice_counts_as_it_comes_last_wherever_it_is_read() -> None:
    raw = b'{"PRODUCTID": 1, "TITLE": "A", "PRODUCTID": 2, "TITLE": "B"}'
    assert identify(raw) == 2 and identify_all([raw]) == [2]
    lines = decode_columns(b"[" + raw + b"]", [5], cnpj=CNPJ, load_type="full")
    assert lines is None or (list(lines.ids), lines.texts[0].split("\t")[:3]) == ([2], ["5", "2", "B"])
    found = normalise([(0, 0, 2, raw)], cnpj=CNPJ, load_type="full", zone=ZoneInfo("UTC"), max_record=65536)
    assert found.products[0][:2] == (2, "B")
