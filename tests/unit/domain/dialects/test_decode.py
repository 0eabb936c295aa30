"""Decoding of a whole chunk equals decoding record by record."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import LONG
from tests.unit.domain.dialects.inovafarma.test_decode_columns import CNPJ, RECORDS, meaning

from integrahub.domain.chunks.formats import ChunkObject
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext, Line, RecordKeys
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.domain.products import COLUMNS, NormalisedRow


def lines_of(records: list[dict[str, Any]], slots: list[int], new: set[int]) -> list[Line]:
    ids = [record["PRODUCTID"] for record in records]
    raws = [json.dumps(record).encode() for record in records]
    payload = ChunkObject(list(range(len(raws))), list(range(len(raws))), raws, {})
    context = DecodeContext(CNPJ, "delta", ZoneInfo("America/Sao_Paulo"), "1\tbatch\t")
    decoder = ChunkDecoder(InovaFarma(), 65536)
    return decoder.decode(payload, slots, RecordKeys(ids, list(range(len(ids)))), new, context).lines


def _shown(line: Line) -> tuple[Any, ...]:
    return line[0], meaning(line[1].removeprefix("1\tbatch\t").removesuffix("\n"))


@settings(max_examples=400 if LONG else 80, deadline=None)
@given(st.lists(RECORDS.map(lambda drawn: drawn[0]), min_size=5, max_size=9), st.sets(st.integers(1, 9)))
def test_a_deltas_records_of_new_and_known_products_say_together_what_they_say_apart(
    records: list[dict[str, Any]], new: set[int]
) -> None:
    records = [record | {"PRODUCTID": number} for number, record in enumerate(records, 1)]
    together = lines_of(records, list(range(len(records))), new)
    # An unusual record is decoded separately from the other one.
    apart = [line for record in records for line in lines_of([record, {"PRODUCTID": 99}], [0], new)]
    assert sorted(map(_shown, together)) == sorted(map(_shown, apart))


def test_a_normalised_row_has_the_columns_of_a_product() -> None:
    assert NormalisedRow._fields == ("product_id", *COLUMNS, "position", "offset", "repeats")
