"""Hostile records are rejected with their code or stored exactly; other records are unaffected."""

import csv
import io
import json
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.conftest import SHARED, Client, new_pharmacy

pytestmark = SHARED

_DEEP = b'{"PRODUCTID":2,"TITLE":"t","X":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
REJECTED: dict[str, tuple[bytes, str]] = {
    "not an object": (b"7", "not_object"),
    "nested over 8 deep": (b'{"PRODUCTID":2,"TITLE":"t","X":[[[[[[[[[1]]]]]]]]]}', "record_too_deep"),
    "nested 20,000 deep": (_DEEP, "record_too_deep"),
    "100 kB title": (b'{"PRODUCTID":2,"TITLE":"' + b"a" * 100_000 + b'"}', "record_too_long"),
    "NUL": (b'{"PRODUCTID":2,"TITLE":"a\\u0000b"}', "text_has_nul"),
    "lone surrogate": (b'{"PRODUCTID":2,"TITLE":"\\ud800"}', "json_invalid"),
    "bad UTF-8": (b'{"PRODUCTID":2,"TITLE":"\xff\xfe"}', "json_invalid"),
    "control character": (b'{"PRODUCTID":2,"TITLE":"a\x01"}', "json_invalid"),
    "NaN": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":NaN}', "json_invalid"),
    "1e400": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":1e400}', "price_invalid"),
    "a huge exponent": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":1e99999999999999999999}', "price_invalid"),
    "a huge negative number": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":-1e99999999999999999999}', "price_invalid"),
    "a huge product id": (b'{"PRODUCTID":1e99999999999999999999,"TITLE":"t"}', "product_id_invalid"),
    "a huge product id, spelled otherwise": (b'{"productId":1e99999999999999999999,"TITLE":"t"}', "product_id_invalid"),
    "a minute product id": (b'{"productId":1e-99999999999999999999,"TITLE":"t"}', "product_id_invalid"),
    "a huge CNPJ": (b'{"PRODUCTID":2,"TITLE":"t","CNPJ":1e99999999999999999999}', "cnpj_mismatch"),
    "10^30": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":1000000000000000000000000000000}', "price_invalid"),
    "product id 10^30": (b'{"PRODUCTID":1000000000000000000000000000000,"TITLE":"t"}', "product_id_invalid"),
    "boolean id": (b'{"PRODUCTID":true,"TITLE":"t"}', "product_id_invalid"),
    "another's CNPJ": (b'{"PRODUCTID":2,"TITLE":"t","CNPJ":"33000167000101"}', "cnpj_mismatch"),
    "CNPJ as a list": (b'{"PRODUCTID":2,"TITLE":"t","CNPJ":["05927228000145"]}', "cnpj_mismatch"),
}
STORED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "duplicate keys": (b'{"PRODUCTID":2,"TITLE":"t","PRICE":1,"PRICE":2}', {"price": 2}),
    "SQL": (b'{"PRODUCTID":2,"TITLE":"\'); DROP TABLE products; --"}', {"title": "'); DROP TABLE products; --"}),
    "COPY's own marks": (b'{"PRODUCTID":2,"TITLE":"a\\\\N\\t\\\\.\\nb"}', {"title": "a\\N\t\\.\nb"}),
    "array literal": (
        b'{"PRODUCTID":2,"TITLE":"{1,NULL}","PRICEPROMO":"1,5"}',
        {"title": "{1,NULL}", "pricePromos": [1.5]},
    ),
    "records in a text": (b'{"PRODUCTID":2,"TITLE":"},{\\"PRODUCTID\\":1"}', {"title": '},{"PRODUCTID":1'}),
    "emoji and marks": (
        json.dumps({"PRODUCTID": 2, "TITLE": "\u00a0💊\u202e\ufeffé"}).encode(),
        {"title": "\u00a0💊\u202e\ufeffé"},
    ),
    "a huge stock": (b'{"PRODUCTID":2,"TITLE":"t","QUANTITY":1e99999999999999999999}', {"stock": 0}),
    "a minute price": (b'{"PRODUCTID":2,"TITLE":"t","price":-1e-99999999999999999999}', {"price": 0}),
    "a zero of any exponent": (b'{"PRODUCTID":2,"TITLE":"t","price":0e99999999999999999999}', {"price": 0}),
    "a huge EAN": (b'{"PRODUCTID":2,"TITLE":"t","EAN":1e99999999999999999999}', {"ean": "1e99999999999999999999"}),
    "a huge number deep within": (
        b'{"PRODUCTID":2,"TITLE":"t","X":{"y":[1e99999999999999999999,{"z":-1e-99999999999999999999}]}}',
        {"rawJson": {"X": {"y": ["1e99999999999999999999", {"z": "-1e-99999999999999999999"}]}}},
    ),
    "unknown keys": (b'{"PRODUCTID":2,"TITLE":"t","__proto__":{"a":1},"X":1e400}', {"title": "t"}),
}


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared_client: Client) -> Client:
    return await new_pharmacy(shared_client)


def _between(record: bytes) -> bytes:
    return b'[{"PRODUCTID":1,"TITLE":"before"},' + record + b',{"PRODUCTID":3,"TITLE":"after"}]'


@pytest.mark.parametrize("case", REJECTED)
async def test_a_hostile_record_is_rejected_alone_with_its_code(client: Client, case: str) -> None:
    record, code = REJECTED[case]
    batch = await client.load(_between(record), "delta")
    assert (batch["items_total"], batch["inserted"], batch["rejected"]) == (3, 2, 1)
    (fault,) = (await client.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"]
    assert (fault["position"], fault["code"]) == (1, code)
    assert {n: item["title"] for n, item in (await client.products()).items()} == {1: "before", 3: "after"}


@pytest.mark.parametrize("case", STORED)
async def test_a_strange_record_is_stored_exactly(client: Client, case: str) -> None:
    record, expected = STORED[case]
    batch = await client.load(_between(record), "delta")
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 3)
    found = (await client.products())[2]
    raw = found["rawJson"]
    found["rawJson"] = {name: raw[name] for name in expected.get("rawJson", ())}
    assert {name: found[name] for name in expected} == expected
    assert (await client.load(_between(record) + b" ", "delta"))["unchanged"] == 3


@pytest.mark.parametrize("key", ["productId", "CNPJ", "PRICE", "STATE", "X"])
async def test_a_huge_number_in_a_bodys_first_record_is_that_records_alone(client: Client, key: str) -> None:
    first = b'{"PRODUCTID":1,"TITLE":"t","%b":1e99999999999999999999}' % key.encode()
    if key == "productId":
        first = first.replace(b'"PRODUCTID":1,', b"")
    batch = await client.load(b"[" + first + b',{"PRODUCTID":2,"TITLE":"u"}]')
    assert (batch["inserted"], batch["rejected"]) == ((2, 0) if key in ("X", "STATE") else (1, 1))


_FORMULAS = ["=1+1x", "-1x", "\t=1", "\r=1", ";=1+1+cmd|'/C calc'!A0;", "a\t@SUM(A1)", "a,+1"]


async def test_a_report_for_a_spreadsheet_holds_no_formula(client: Client) -> None:
    records = [{"PRODUCTID": n, "TITLE": "t", "PRICE": f"{text}\u202e\u009b2J"} for n, text in enumerate(_FORMULAS, 1)]
    batch = await client.load([*records, {"PRODUCTID": 99, "TITLE": "t", "PRICE": "-1"}], "delta")
    texts = {form: await _report(client, batch["batch_id"], form) for form in ("csv", "json", "ndjson")}
    for form, text in texts.items():
        assert not set(text) & set("\x1b\x9b\u202e"), form
    for separator in ",;\t":
        rows = list(csv.reader(io.StringIO(texts["csv"]), delimiter=separator))
        assert [cell for row in rows for cell in row if cell.lstrip()[:1] in set("=+-@") and cell != "-1"] == []
    assert "-1" in {row["value"] for row in csv.DictReader(io.StringIO(texts["csv"]))}
    assert json.loads(texts["json"])["items"][0]["value"] == records[0]["PRICE"]


async def _report(client: Client, batch_id: str, form: str) -> str:
    path = f"/v1/batches/{batch_id}/errors?format={form}"
    return (await client.http.get(path, headers={"X-Api-Key": client.key})).text
