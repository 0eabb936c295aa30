"""GET /v1/products/changes: the whole catalogue, then every change, by one cursor."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.changes import feed
from integrahub.domain import cursors
from integrahub.domain.products import MAX_PRODUCT_ID
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product
from tests.integration.test_updated_since import ready
from tests.reference_model.consumer import Consumer, shown

FEED = "/v1/products/changes"


async def poll(client: Client, consumer: Consumer, limit: int = 1000, **query: str) -> None:
    """Read one page."""
    answer = await client.http.get(FEED, params=consumer.request(limit) | query, headers={"X-Api-Key": client.key})
    consumer.receive((answer.status_code, answer.json()))


async def drain(client: Client, consumer: Consumer, limit: int = 1000, **query: str) -> None:
    """Read until there is no more."""
    consumer.has_more = True
    while consumer.has_more:
        await poll(client, consumer, limit, **query)


async def table(client: Client, **query: str) -> dict[int, dict[str, Any]]:
    """Return the products as the search shows them, without what the feed leaves out."""
    return {id_: shown(item) for id_, item in (await client.products(include_inactive="true", **query)).items()}


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_a_consumer_reads_the_catalogue_and_then_each_kind_of_change(client: Client, limit: int) -> None:
    await client.load(catalogue(30))
    consumer = Consumer()
    await drain(client, consumer, limit)
    assert consumer.products == await table(client) and len(consumer.products) == 30
    await client.load(catalogue(25))  # deactivates five
    await client.load([product(26), product(31), product(1, PRICE=9), product(2, QUANTITY=4)], "delta")
    pages = consumer.pages
    await drain(client, consumer, limit)
    assert consumer.products == await table(client) and len(consumer.products) == 31
    assert consumer.pages - pages <= 10 and consumer.resets == 0 and consumer.deactivated == 4


async def test_each_item_says_what_changed_when_and_by_which_batch(client: Client) -> None:
    await client.load(catalogue(20))
    cursor = (await client.get(FEED))["next_cursor"]
    full = await client.load(catalogue(19))
    delta = await client.load([product(20), product(21), product(3, PRICE=1)], "delta")
    page = await client.get(FEED, cursor=cursor)
    found = {(item["product_id"], item["kind"], item["seq"], item["batch_id"]) for item in page["items"]}
    kinds = {20: "reactivated", 21: "inserted", 3: "updated"}
    assert found == {(id_, kind, delta["received_seq"], delta["batch_id"]) for id_, kind in kinds.items()}
    assert all(full["received_at"] < item["at"] <= delta["finished_at"] for item in page["items"])
    assert (page["has_more"], page["reset"]) == (False, False)
    again = await client.get(FEED, cursor=page["next_cursor"])
    assert (again["items"], again["has_more"]) == ([], False)


async def test_a_page_shows_a_product_once_at_its_last_change_in_its_present_state(client: Client) -> None:
    await client.load(catalogue(3))
    cursor = (await client.get(FEED))["next_cursor"]
    for price in (11, 12, 13):
        await client.load([product(1, PRICE=price)], "delta")
    last = await client.load([product(2, PRICE=14)], "delta")
    page = await client.get(FEED, cursor=cursor)
    assert [(item["product_id"], item["product"]["price"]) for item in page["items"]] == [(1, 13), (2, 14)]
    assert page["items"][-1]["seq"] == last["received_seq"]
    first = await client.get(FEED, cursor=cursor, limit=1)
    assert first["items"][0]["product"]["price"] == 13 and first["has_more"]


async def test_the_catalogue_shows_inactive_products_as_deactivated(client: Client) -> None:
    await client.load(catalogue(20))
    await client.load(catalogue(19))
    items = (await client.get(FEED))["items"]
    assert [item["kind"] for item in items] == ["inserted"] * 19 + ["deactivated"]
    assert items[-1]["product"]["isActive"] is False


async def test_changes_during_the_catalogue_follow_it(client: Client) -> None:
    await client.load(catalogue(20))
    consumer = Consumer()
    await poll(client, consumer, 10)
    await client.load([product(5, PRICE=77), product(15, PRICE=78), product(40)], "delta")
    await drain(client, consumer, 10)
    assert consumer.products == await table(client) and consumer.products[5]["price"] == 77


async def test_the_first_load_of_an_empty_catalogue_tells_the_consumer_to_begin_again(client: Client) -> None:
    consumer = Consumer()
    await drain(client, consumer)
    assert consumer.products == {}
    await client.load(catalogue(120))
    await drain(client, consumer, 50)
    assert consumer.resets == 1 and consumer.products == await table(client) and len(consumer.products) == 120
    reset = next(item for item in (await client.get(FEED, cursor=_first_cursor()))["items"])
    assert (reset["kind"], reset["product_id"], reset["product"]) == ("reset", None, None)


def _first_cursor() -> str:
    return cursors.encode("changes", 1, 0, MAX_PRODUCT_ID, "")


async def test_a_turn_that_has_not_ended_is_not_in_the_feed_and_nothing_of_it_is_lost(settings: Settings) -> None:
    async with running(settings, list(STEPS)) as client:
        key = client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(100))
        consumer = Consumer()
        await drain(client, consumer)
        cursor = consumer.cursor
    async with running(settings, ["split", "split"]) as client:
        client.key = key
        posted = (await client.post([product(n, PRICE=1000 + n) for n in range(1, 101)])).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{posted}"))["stage"] != "upserting":
                await asyncio.sleep(0.02)
        await client.hub.upsert(uuid4())(ready(posted, 1))
        page = await client.get(FEED, cursor=cursor)
        assert (page["items"], page["has_more"]) == ([], False)
        late = Consumer()
        await drain(client, late)  # begins while half of the batch is applied
        await client.hub.upsert(uuid4())(ready(posted, 0))
        await client.hub.finish().finish(UUID(posted))
        for each in (consumer, late):
            await drain(client, each, 30)
            assert each.products == await table(client)


async def test_pages_of_large_products_end_early_and_nothing_is_skipped(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MAX_PAGE_CHARACTERS", 1000)
    monkeypatch.setattr(feed, "_PRODUCTS_PER_READ", 3)
    texts = [product(n, DESCRIPTION="e" * 400) for n in range(1, 21)]
    await client.load(texts)
    consumer = Consumer()
    await drain(client, consumer)
    assert consumer.products == await table(client) and consumer.pages >= 6
    pages = consumer.pages
    await client.load([text | {"PRICE": 1} for text in texts], "delta")
    await client.load([text | {"PRICE": 2} for text in texts[:2]], "delta")
    await drain(client, consumer)
    assert consumer.products == await table(client) and consumer.pages - pages >= 6
