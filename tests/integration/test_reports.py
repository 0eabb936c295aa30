"""Reports of errors: pointers into the body, EANs, CSV for Excel in Brazil, and the end of their retention."""

import csv
import io
import json
from typing import Any

import pytest

from tests.integration.conftest import Client

GOOD = {"PRODUCTID": 1, "TITLE": "Dipirona", "EAN": "07896004703390", "PRICE": 1}
# Each record has one issue; `at` is the member at fault, '' for the record itself.
BAD: list[tuple[Any, str]] = [
    ({"PRODUCTID": 2, "TITLE": "b", "PRICE": "x", "EAN": 7896004703390}, "PRICE"),
    ({"productid": 3, "Title": "c", "price": -1.5, "ean": "789"}, "price"),
    ({"PRODUCTID": 4, "TITLE": "d", "QUANTITY": "many"}, "QUANTITY"),
    ({"PRODUCTID": 5, "PRICE": 1}, ""),
    ({"TITLE": "no id"}, ""),
    ("not an object", ""),
]
EANS = ["7896004703390", "789", "", "", "", ""]


async def _issues(client: Client, batch: dict[str, Any]) -> list[dict[str, Any]]:
    return list((await client.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"])


def _resolve(pointer: str, document: Any) -> Any:
    for token in pointer.split("/")[1:]:
        document = document[int(token)] if isinstance(document, list) else document[token]
    return document


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
async def test_each_pointer_leads_to_the_value_in_the_body(client: Client, media_type: str) -> None:
    records = [GOOD, *(record for record, _ in BAD)]
    body = json.dumps(records)
    if "ndjson" in media_type:
        body = "\n".join(json.dumps(record) for record in records)
    batch = await client.load(body.encode(), "full", **{"Content-Type": media_type})
    issues = await _issues(client, batch)
    assert [issue["pointer"] for issue in issues] == [
        f"/{position}/{key}" if key else f"/{position}" for position, (_, key) in enumerate(BAD, 1)
    ]
    for issue, (record, key) in zip(issues, BAD, strict=True):
        assert _resolve(issue["pointer"], records) == (record[key] if key else record)
    assert [issue["ean"] for issue in issues] == EANS


async def test_the_ean_of_a_record_without_one_is_that_of_its_product(client: Client) -> None:
    await client.load([GOOD])
    batch = await client.load([{"PRODUCTID": 1, "PRICE": "x"}, {"PRODUCTID": 9, "PRICE": "x"}], "delta")
    assert [issue["ean"] for issue in await _issues(client, batch)] == ["07896004703390", ""]


async def test_a_csv_for_brazil_has_semicolons_decimal_commas_and_a_byte_order_mark(client: Client) -> None:
    records = [
        {"PRODUCTID": 1, "TITLE": "a", "PRICE": -12.5},
        {"PRODUCTID": 2, "TITLE": "b", "PRICE": "1.000"},
        {"PRODUCTID": 3, "TITLE": "c", "PRICE": "=cmd()"},
    ]
    batch = await client.load(records, "full")
    path = f"/v1/batches/{batch['batch_id']}/errors?format=csv"
    answer = await client.http.get(f"{path}&locale=pt-BR", headers={"X-Api-Key": client.key})
    assert answer.content.startswith(b"\xef\xbb\xbfposition;")
    assert answer.headers["content-disposition"] == f'attachment; filename="{batch["batch_id"]}-errors.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    # "1.000" as sent: with a comma it would no longer be the text that the warning is about.
    assert [row["value"] for row in rows] == ["-12,5", "'1.000", "'=cmd()"]
    assert "preço" in rows[0]["message_pt"]
    plain = await client.http.get(path, headers={"X-Api-Key": client.key})
    assert plain.content.startswith(b"position,") and "-12.5" in plain.text


async def test_a_report_past_its_retention_is_gone_although_its_rows_are_not_deleted_yet(client: Client) -> None:
    batch = await client.load([GOOD, {"PRODUCTID": 2, "TITLE": "b", "PRICE": "x"}])
    path = f"/v1/batches/{batch['batch_id']}"
    for days, status in ((89, 200), (2, 410)):
        async with client.hub.database.transaction() as connection:
            await connection.execute(f"UPDATE batches SET finished_at = finished_at - interval '{days} days'")  # type: ignore[arg-type]
        for name in ("errors", "rejected"):
            answer = await client.http.get(f"{path}/{name}", headers={"X-Api-Key": client.key})
            assert answer.status_code == status, name
    assert answer.json()["code"] == "report_expired"
    assert (await client.get(path))["rejected"] == 1
