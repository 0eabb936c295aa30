"""ETag and 304 on reads, and GET /v1/products/{id}."""

from typing import Any

import pytest

from integrahub.db.products import search
from tests.integration.conftest import CNPJ, Client

RECORDS: list[dict[str, Any]] = [
    {"PRODUCTID": 1, "TITLE": "Água oxigenada", "PRICE": 5, "QUANTITY": 1},
    {"PRODUCTID": 2, "TITLE": "Dipirona", "PRICE": 12.5, "QUANTITY": 3},
]
LIST = "/v1/products?sort=product_id"


async def _read(client: Client, path: str, tag: str = "", **headers: str) -> Any:
    given = {"X-Api-Key": client.key} | ({"If-None-Match": tag} if tag else {}) | headers
    return await client.http.get(path, headers=given)


async def test_a_product_is_found_by_its_id_also_while_it_is_inactive(client: Client) -> None:
    await client.load(RECORDS)
    listed = await client.products()
    assert (await client.get("/v1/products/2")) == listed[2]
    await client.load(RECORDS[:1])
    gone = await client.get("/v1/products/2")
    assert (gone["isActive"], gone["title"]) == (False, "Dipirona")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/products/3", 404, "product_not_found"),
        ("/v1/products/0", 400, "request_unreadable"),
        (f"/v1/products/{1 << 63}", 400, "request_unreadable"),
        ("/v1/products/x", 400, "request_unreadable"),
        ("/v1/products/1?cnjp=1", 400, "parameter_unknown"),
        ("/v1/products/1?cnpj=33000167000101", 403, "other_pharmacy"),
    ],
)
async def test_a_product_that_cannot_be_read_is_refused(client: Client, path: str, status: int, code: str) -> None:
    await client.load(RECORDS)
    answer = await _read(client, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_reads_are_304_until_their_answer_differs(client: Client) -> None:
    batch = (await client.load(RECORDS))["batch_id"]
    paths = [LIST, "/v1/products/1", f"/v1/batches/{batch}", "/v1/batches?limit=1", f"/v1/products?cnpj={CNPJ}&q=agua"]
    tags = {path: (await _read(client, path)).headers["ETag"] for path in paths}
    assert len(set(tags.values())) == len(paths)
    for path, tag in tags.items():
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = await _read(client, path, sent)
            assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag), path
    await client.load([{"PRODUCTID": 1, "PRICE": 6}], "delta")
    changed = {path for path, tag in tags.items() if (await _read(client, path, tag)).status_code == 200}
    assert changed == {LIST, "/v1/products/1", "/v1/batches?limit=1", f"/v1/products?cnpj={CNPJ}&q=agua"}


async def test_a_tag_is_of_one_query_one_product_and_one_language(client: Client) -> None:
    batch = (await client.load([*RECORDS, {"PRODUCTID": 3}]))["batch_id"]
    tag = (await _read(client, LIST)).headers["ETag"]
    assert (await _read(client, LIST + "&limit=1", tag)).status_code == 200
    tag = (await _read(client, "/v1/products/1")).headers["ETag"]
    assert (await _read(client, "/v1/products/2", tag)).status_code == 200
    failed = (await client.load([{"PRODUCTID": 3}], "delta"))["batch_id"]
    tag = (await _read(client, f"/v1/batches/{failed}")).headers["ETag"]
    assert (await _read(client, f"/v1/batches/{failed}", tag)).status_code == 304
    assert (await _read(client, f"/v1/batches/{failed}", tag, **{"Accept-Language": "pt-BR"})).status_code == 200
    assert (await _read(client, f"/v1/batches/{batch}", tag)).status_code == 200


async def test_a_full_that_changes_nothing_changes_the_tag_because_products_were_seen_again(client: Client) -> None:
    await client.load(RECORDS)
    answer = await _read(client, "/v1/products/1")
    await client.load(RECORDS, **{"Idempotency-Key": "again"})
    again = await _read(client, "/v1/products/1", answer.headers["ETag"])
    assert again.status_code == 200 and again.json()["lastSeenAt"] > answer.json()["lastSeenAt"]


async def test_a_list_that_the_client_has_is_not_searched(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.load(RECORDS)
    tag = (await _read(client, LIST)).headers["ETag"]

    async def fail(*_: Any) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(search, "search", fail)
    assert (await _read(client, LIST, tag)).status_code == 304


async def test_a_refusal_has_no_tag_and_is_never_304(client: Client) -> None:
    answer = await _read(client, "/v1/products/9", "*")
    assert answer.status_code == 404 and "ETag" not in answer.headers
