"""GET /v1/products/{id}/history: what changed, when, by which record of which batch and whose key."""

import gzip
import json
from typing import Any

import pytest

from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import catalogue, product


async def history(client: Client, number: int, **query: Any) -> Any:
    return await client.get(f"/v1/products/{number}/history", **query)


async def test_each_change_is_listed_newest_first_with_its_record_and_key(client: Client) -> None:
    first = await client.load(catalogue(120))
    raised = await client.load([product(119), product(119, PRICE=9), product(120, PRICE=9, TITLE="New")], "delta")
    gone = await client.load(catalogue(119))
    back = await client.load([product(120, PRICE=9, TITLE="New", QUANTITY=8)], "delta")
    found = await history(client, 120)
    key_id = client.key.split("_")[2]
    expected = [
        ("reactivated", back, 0, key_id, {"stock": [3, 8]}),
        ("deactivated", gone, None, key_id, {}),
        ("updated", raised, 2, key_id, {"title": ["P 120", "New"], "price": [120.5, 9]}),
        ("reset", first, 119, key_id, {}),
    ]
    for item, (kind, batch, position, key, fields) in zip(found["items"], expected, strict=True):
        assert (item["kind"], item["batch_id"], item["seq"]) == (kind, batch["batch_id"], batch["received_seq"])
        assert (item["position"], item["key_id"], item["fields"] or {}) == (position, key, fields), kind
        assert batch["received_at"] <= item["at"] <= batch["finished_at"]
    assert found["next_cursor"] is None


async def test_pages_give_every_change_once(client: Client) -> None:
    await client.load(catalogue(3))
    for price in range(10, 17):
        await client.load([product(2, PRICE=price)], "delta")
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await history(client, 2, limit=3, cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
    assert [item["seq"] for item in found] == list(range(8, 0, -1))
    assert [item["fields"]["price"] for item in found[:2]] == [[15, 16], [14, 15]]


@pytest.mark.parametrize("size", [3, 400])
async def test_the_position_is_known_for_compressed_bodies_too(client: Client, size: int) -> None:
    await client.load(catalogue(size))
    records = [product(n, PRICE=1) for n in range(1, size + 1)]
    await client.load(gzip.compress(json.dumps(records).encode()), "delta", **{"Content-Encoding": "gzip"})
    assert (await history(client, size))["items"][0]["position"] == size - 1


async def test_the_position_is_known_of_changed_records_among_unchanged_ones(client: Client) -> None:
    records = catalogue(400)
    await client.load(records)
    records[177]["PRICE"] = 9
    records[390]["PRICE"] = 9
    records.append(product(178, PRICE=9))  # far from the other record of the product
    batch = await client.load(records)
    assert (batch["unchanged"], batch["updated"], batch["merged"]) == (398, 2, 1)
    assert (await history(client, 178))["items"][0]["position"] == 400
    assert (await history(client, 391))["items"][0]["position"] == 390


async def test_the_history_says_since_when_it_is_complete(client: Client) -> None:
    await client.load(catalogue(3))
    found = await history(client, 2)
    today = f"{found['items'][0]['at'][:10]}T00:00:00.000Z"
    assert found["complete_since"] <= today and found["stock_complete_since"] <= today


async def test_without_values_there_is_no_history_but_a_feed(settings: Settings) -> None:
    async with running(settings.model_copy(update={"history": False}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(3))
        answer = await client.http.get("/v1/products/2/history", headers={"X-Api-Key": client.key})
        assert (answer.status_code, answer.json()["code"]) == (409, "history_off"), answer.text
        cursor = (await client.get("/v1/products/changes"))["next_cursor"]
        await client.load([product(2, PRICE=1)], "delta")
        page = await client.get("/v1/products/changes", cursor=cursor)
        assert [item["product"]["price"] for item in page["items"]] == [1]


async def test_a_product_that_no_batch_had_has_no_history(client: Client) -> None:
    await client.load(catalogue(3))
    for key in (client.key, ADMIN):
        answer = await client.http.get(f"/v1/products/9/history?cnpj={CNPJ}", headers={"X-Api-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


async def test_a_product_inserted_together_with_the_first_load_has_one_beginning(settings: Settings) -> None:
    async with running(settings, ["sweep"]) as idle:
        idle.key = (await idle.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = [(await idle.post([product(n)], "delta")).json()["batch_id"] for n in (1, 2)]
    async with running(settings, list(STEPS)) as client:
        client.key = idle.key
        for batch_id in posted:
            await client.finished(batch_id)
        kinds = {n: [item["kind"] for item in (await history(client, n))["items"]] for n in (1, 2)}
        assert kinds == {1: ["reset"], 2: ["inserted"]}
