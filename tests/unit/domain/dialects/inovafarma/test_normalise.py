"""InovaFarma dialect: records become rows, repeats merge, an invalid record is rejected alone."""

import gzip
import json
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.copy_text import copy_text
from integrahub.domain.dialects.base import NormalisedRecords
from integrahub.domain.dialects.inovafarma.first_record import read_first_record
from integrahub.domain.dialects.inovafarma.identify import (
    derive_seed,
    hash_record,
    identify,
    identify_all,
    identify_and_hash,
)
from integrahub.domain.dialects.inovafarma.normalise import normalise
from integrahub.domain.messages.records import RECORD_MESSAGES
from integrahub.domain.parsing.reader import OversizeRecord
from integrahub.domain.products import COLUMNS

CNPJ = "05927228000145"
ZONE = ZoneInfo("America/Sao_Paulo")


def run(records: list[Any], load_type: str = "full", max_record: int = 65536) -> NormalisedRecords:
    raws = [r if isinstance(r, bytes | OversizeRecord) else json.dumps(r).encode() for r in records]
    sources = [(i, i * 100, identify(raw), raw) for i, raw in enumerate(raws)]
    done = normalise(sources, cnpj=CNPJ, load_type=load_type, zone=ZONE, max_record=max_record)
    assert len(done.products) + done.merged + done.rejected == len(records)
    assert {fault.code for fault in done.issues} <= RECORD_MESSAGES.keys()
    return done


def columns(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(COLUMNS, row[1 : 1 + len(COLUMNS)], strict=True))


def test_repeats_are_one_product_with_all_its_promotions() -> None:
    repeats = [{"PRODUCTID": 7, "TITLE": f"t{n}", "PRICEPROMO": p} for n, p in enumerate([9.5, "8,50", 0, 9.5])]
    for load_type in ("full", "delta"):
        done = run(repeats, load_type)
        assert columns(done.products[0])["price_promos"] == "{8.5000,9.5000}"
        assert columns(done.products[0])["title"] == "t3"
        assert (done.merged, done.products[0][-3:]) == (3, (3, 300, 4))


def test_absent_keys_empty_a_field_in_a_full_and_stay_in_a_delta() -> None:
    full = columns(run([{"PRODUCTID": 7, "TITLE": " t "}]).products[0])
    assert (full["title"], full["brand"], full["price"], full["price_promos"]) == ("t", "", None, "{}")
    delta = columns(run([{"PRODUCTID": 7, "BRAND": None, "PRICE": None, "PRICEPROMO": ""}], "delta").products[0])
    assert (delta["title"], delta["brand"], delta["price"], delta["price_promos"]) == (None, "", None, None)
    assert columns(run([{"PRODUCTID": 7, "PRICEPROMO": 0}], "delta").products[0])["price_promos"] == "{}"


def test_a_delta_joins_repeats_key_by_key_and_a_full_keeps_the_last_whole_record() -> None:
    records = [{"PRODUCTID": 7, "TITLE": "a", "BRAND": "b", "X": 1}, {"productId": "7", "title": "c", "Y": 2.5}]
    delta = columns(run(records, "delta").products[0])
    assert (delta["title"], delta["brand"], json.loads(delta["extra"])) == ("c", "b", {"X": 1, "Y": 2.5})
    full = columns(run(records).products[0])
    assert (full["title"], full["brand"], json.loads(full["extra"])) == ("c", "", {"Y": 2.5})


DEEP = {"PRODUCTID": 7, "TITLE": "t", "X": [[[[[[[[1]]]]]]]]}


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        (5, "", "not_object"),
        (["x"], "", "not_object"),
        (b'{"PRODUCTID":7,"PRICE":NaN}', "", "json_invalid"),
        (b'{"PRODUCTID":7,"TITLE":"\xff"}', "", "json_invalid"),
        (b'{"PRODUCTID":7,"TITLE":"\\ud800"}', "", "json_invalid"),
        (b'{"X":' + b"[" * 5000 + b"]" * 5000 + b"}", "", "record_too_deep"),
        (DEEP, "", "record_too_deep"),
        ({"PRODUCTID": 7, "TITLE": "a\0b"}, "", "text_has_nul"),
        ({"PRODUCTID": 7, "TITLE": "t", "CNPJ": "11222333000181"}, "CNPJ", "cnpj_mismatch"),
        ({"TITLE": "t"}, "PRODUCTID", "product_id_missing"),
        ({"PRODUCTID": "", "TITLE": "t"}, "PRODUCTID", "product_id_missing"),
        ({"PRODUCTID": -7, "TITLE": "t"}, "PRODUCTID", "product_id_invalid"),
        ({"PRODUCTID": 7, "TITLE": "t", "PRICE": -1}, "PRICE", "price_invalid"),
        ({"PRODUCTID": 7, "TITLE": "t", "WHOLESALEPRICE": "x"}, "WHOLESALEPRICE", "price_invalid"),
        (b'{"PRODUCTID":7,"TITLE":"t","PRICE":1e400}', "PRICE", "price_invalid"),
        ({"PRODUCTID": 7, "TITLE": " "}, "TITLE", "title_missing"),
        ({"PRODUCTID": 7, "TITLE": "t" * 70000}, "", "record_too_long"),
        (OversizeRecord(b'{"PRODUCTID":7', 99999), "", "record_too_long"),
    ],
)
def test_a_bad_record_is_rejected_alone_and_its_place_is_told(record: Any, field: str, code: str) -> None:
    done = run([{"PRODUCTID": 1, "TITLE": "a"}, record, {"PRODUCTID": 2, "TITLE": "b"}])
    assert [row[0] for row in done.products] == [1, 2]
    (fault,) = done.issues
    assert (fault.position, fault.offset, fault.severity, fault.field, fault.code) == (1, 100, "rejected", field, code)


def test_unreadable_optional_values_are_left_out_with_a_warning() -> None:
    record = {"PRODUCTID": 7, "TITLE": "t", "QUANTITY": "x", "EAN": [1], "DATACADASTROPRODUTO": "x", "PRICEPROMO": -1}
    done = run([record])
    told = {(fault.field, fault.code) for fault in done.issues}
    expected = {
        ("QUANTITY", "number_unreadable"),
        ("EAN", "text_unreadable"),
        ("DATACADASTROPRODUTO", "date_unreadable"),
        ("PRICEPROMO", "price_invalid"),
    }
    assert (told, len(done.issues), done.rejected) == (expected, 4, 0)
    assert (columns(done.products[0])["stock"], columns(done.products[0])["ean"]) == (None, "")


def test_the_hash_ignores_the_place_of_a_record_and_nothing_else() -> None:
    seed = derive_seed("full", "America/Sao_Paulo")
    first = b'{"INDICE":1,"PRODUCTID":7,"TITLE":"t"}'
    assert hash_record(first, seed) == hash_record(first.replace(b":1,", b": 22,"), seed)
    assert hash_record(first, seed) != hash_record(first.replace(b'"t"', b'"u"'), seed)
    assert hash_record(first, seed) != hash_record(first, derive_seed("delta", "America/Sao_Paulo"))
    nested = b'{"PRODUCTID":7,"X":{"INDICE":1}}'
    assert hash_record(nested, seed) != hash_record(nested.replace(b"1}", b"2}"), seed)


def test_a_records_hash_depends_on_its_load_type_and_time_zone() -> None:
    """Check that a time without an offset in another zone is a different moment, so the hash differs."""
    kinds = [(load_type, zone) for load_type in ("full", "delta") for zone in ("America/Sao_Paulo", "America/Manaus")]
    assert len({hash_record(b'{"PRODUCTID":7}', derive_seed(*kind)) for kind in kinds}) == 4


@given(
    st.lists(
        st.fixed_dictionaries(
            {"PRODUCTID": st.integers(1, 9) | st.sampled_from(["7", "x", None, True, 1e400])},
            optional={
                "INDICE": st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.none(),
                "TITLE": st.sampled_from(["t", '"INDICE":1', "{", "[", "INDICE"]),
                "X": st.dictionaries(st.just("INDICE"), st.integers(), max_size=1) | st.lists(st.integers()),
            },
        ),
        max_size=4,
    )
)
def test_records_read_together_are_marked_as_each_by_itself(records: list[dict[str, Any]]) -> None:
    raws = [msgspec.json.encode(record) for record in records]
    ids, texts, hashes = identify_and_hash(raws, 5)
    assert (ids, texts, list(hashes)) == ([identify(raw) for raw in raws], raws, [hash_record(raw, 5) for raw in raws])


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["PRODUCTID", "productId", "A"]),
            st.integers() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        ),
        max_size=5,
    )
)
def test_identifying_together_and_apart_agree(wires: list[dict[str, Any]]) -> None:
    raws: list[Any] = [json.dumps(wire).encode() for wire in wires]
    assert identify_all(raws) == [identify(raw) for raw in raws]
    for raw, wire in zip(raws, wires, strict=True):
        done = run([raw], "delta")
        unreadable = {fault.code for fault in done.issues} & {"product_id_missing", "product_id_invalid"}
        assert bool(identify(raw)) != bool(unreadable), wire


def test_the_first_record_tells_the_pharmacy() -> None:
    facts = read_first_record(b' [ {"CNPJ":5927228000145,"PHARMACY":" ","NAME":"Boa","UF":"SP","cidade":"Santos"},{"')
    assert (facts.cnpj, facts.name, facts.state, facts.city) == (CNPJ, "Boa", "SP", "Santos")
    assert read_first_record(b'{"CNPJ":"1"}\n', "application/x-ndjson").cnpj == "1"
    for body in (b"", b"[]", b"\xef\xbb\xbf [ ] "):
        assert read_first_record(body).problem
    assert read_first_record(b"[1,2]").problem == ""


def test_copy_text_escapes_what_copy_reads() -> None:
    assert copy_text([["a\tb", None, "\\N"], ["\n\r", "", "é"]]) == "a\\tb\t\\N\t\\\\N\n\\n\\r\t\t\xe9\n".encode()


def test_every_record_of_the_real_catalogue_is_taken() -> None:
    lines = gzip.decompress((files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes()).splitlines()
    done = run([bytes(line) for line in lines])
    assert (done.rejected, len(done.products) + done.merged) == (0, 16349)
    assert not done.unknown


def test_pieces_of_a_record_on_lines_of_their_own_never_make_a_record_together() -> None:
    pieces = [b'{"PRODUCTID":1', b'"TITLE":"A"}']
    two_in_a_line = [b'{"PRODUCTID":1},{"PRODUCTID":2}', b'{"PRODUCTID":3', b'"X":1}']
    assert identify_all(pieces) == [0, 0]
    assert identify_all(two_in_a_line) == [0, 0, 0]
    assert identify_all([b'{"PRODUCTID":1}', *pieces, b'{"PRODUCTID":"2"}']) == [1, 0, 0, 2]
