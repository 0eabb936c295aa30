"""GET /v1/products/changes: the whole catalogue, then every change, by one cursor."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.changes import feed
from integrahub.domain import cursors
from integrahub.domain.errors import Transient
from integrahub.domain.products import MAX_PRODUCT_ID
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import catalogue, product
from tests.integration.test_updated_since import ready
from tests.reference_model.consumer import Consumer, draw_limit, shown

FEED = "/v1/products/changes"
STEPS_OF_MODEL = 10_000 if os.environ.get("IHUB_LONG") else 40
_AGED = "UPDATE batches SET received_at = received_at - %s::interval"


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


async def _execute(client: Client, statement: str, values: Any = None) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement, values)  # type: ignore[arg-type]


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


async def test_a_cursor_older_than_the_feed_is_410_and_one_with_nothing_unread_is_not(client: Client) -> None:
    await client.load(catalogue(20))
    old = (await client.get(FEED))["next_cursor"]
    await client.load([product(1, PRICE=9)], "delta")
    newest = (await client.get(FEED, cursor=old))["next_cursor"]
    await _execute(client, _AGED, ["8 days"])
    for parent in ("product_changes_main", "product_changes_stock"):  # retention still keeps these days
        bounds = "FOR VALUES FROM ('2000-01-01') TO ('2000-01-02')"
        await _execute(client, f"CREATE TABLE {parent}_old PARTITION OF {parent} {bounds}")
    answer = await client.http.get(FEED, params={"cursor": old}, headers={"X-Api-Key": client.key})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired"), answer.text
    assert (await client.get(FEED, cursor=newest))["items"] == []
    consumer = Consumer(cursor=old)
    await drain(client, consumer)
    assert (consumer.expired, consumer.products) == (1, await table(client))


async def test_a_cursor_before_a_batch_whose_row_is_gone_is_410(client: Client) -> None:
    await client.load(catalogue(20))
    old = (await client.get(FEED))["next_cursor"]
    await client.load([product(1, PRICE=9)], "delta")
    await _execute(client, "UPDATE batches SET received_seq = 1000 WHERE received_seq = 2")
    await _execute(client, "UPDATE pharmacy_turns SET last_seq = 1000")
    answer = await client.http.get(FEED, params={"cursor": old}, headers={"X-Api-Key": client.key})
    assert answer.status_code == 410, answer.text


async def test_a_cursor_ahead_of_a_restored_database_is_410(client: Client) -> None:
    await client.load(catalogue(20))
    ahead = cursors.encode("changes", 1, 5, 0, "")
    answer = await client.http.get(FEED, params={"cursor": ahead}, headers={"X-Api-Key": client.key})
    assert answer.status_code == 410, answer.text


@pytest.mark.parametrize("limit", [1, 1000])
async def test_a_cursor_of_a_batch_that_a_restored_database_does_not_know_is_410(client: Client, limit: int) -> None:
    await client.load(catalogue(20))
    consumer = Consumer()
    await drain(client, consumer)
    lost = [product(1, PRICE=9), product(2, PRICE=9)]
    await client.load(lost, "delta")
    await poll(client, consumer, limit)
    listed = await client.http.get("/v1/products", headers={"X-Api-Key": client.key})
    # The backup is from before that batch, and another one has its number since.
    await _execute(client, "DELETE FROM product_changes WHERE seq = 2")
    await _execute(client, "DELETE FROM batch_chunks WHERE batch_id = (SELECT id FROM batches WHERE received_seq = 2)")
    await _execute(client, "DELETE FROM batches WHERE received_seq = 2")
    await _execute(client, "UPDATE products SET price = product_id + 0.5, record_hash = NULL")
    await _execute(client, "UPDATE pharmacy_turns SET last_seq = 1")
    await client.load([product(3, PRICE=9)], "delta")
    await drain(client, consumer)
    assert (consumer.expired, consumer.products) == (1, await table(client))
    headers = {"X-Api-Key": client.key, "If-None-Match": listed.headers["ETag"]}
    assert (await client.http.get("/v1/products", headers=headers)).status_code == 200


async def test_a_cursor_is_410_once_retention_removed_a_day_that_it_has_not_read(client: Client) -> None:
    await client.load(catalogue(20))
    old = (await client.get(FEED))["next_cursor"]
    await client.load([product(1, PRICE=9)], "delta")
    await _execute(client, _AGED, ["2 days"])  # within the feed, before the first day that is kept
    assert (await client.http.get(FEED, params={"cursor": old}, headers={"X-Api-Key": client.key})).status_code == 410


async def test_a_cursor_before_a_batch_of_a_clock_that_was_behind_is_410(client: Client) -> None:
    await client.load(catalogue(20))
    consumer = Consumer()
    await drain(client, consumer)
    for price in (8, 9):
        await client.load([product(price, PRICE=price)], "delta")
    behind = "UPDATE {} - interval '30 days' WHERE {} = 3"
    await _execute(client, behind.format("product_changes SET at = at", "seq"))
    await _execute(client, behind.format("batches SET finished_at = finished_at", "received_seq"))
    await drain(client, consumer)
    assert (consumer.expired, consumer.products) == (1, await table(client))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        cursors.encode("changes", 2, 1, 0, ""),  # another pharmacy's
        cursors.encode("elsewhere", 1, 1, 0, ""),
        cursors.encode("changes", 1, "1", 0, ""),
        cursors.encode("changes", 1, 1 << 70, 0, ""),
        cursors.encode("changes", 1, -1, 1 << 70, ""),
    ],
)
async def test_a_cursor_that_is_not_of_this_feed_is_refused(client: Client, cursor: str) -> None:
    await client.load(catalogue(2))
    answer = await client.http.get(FEED, params={"cursor": cursor}, headers={"X-Api-Key": client.key})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), answer.text


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


@pytest.fixture
async def unlimited(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client like `client`, without a limit of posts."""
    async with running(settings.model_copy(update={"rate_limit": "off"}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@pytest.mark.timeout(7200)
async def test_random_batches_decisions_replays_and_polls_end_with_the_table(unlimited: Client) -> None:
    client = unlimited
    seed = int(os.environ.get("IHUB_SEED") or random.randrange(1 << 32))
    draw, consumers = random.Random(seed), [Consumer() for _ in range(3)]
    for consumer in consumers:
        await poll(client, consumer)
    await _begin(client, consumers, draw)
    for step in range(STEPS_OF_MODEL):
        batch_id = await _post_some(client, draw)
        for consumer in draw.sample(consumers, draw.randint(0, 3)):
            await poll(client, consumer, draw_limit(draw))
        if draw.random() < 0.3:
            await _decide_or_replay(client, await client.finished(batch_id), draw)
        if draw.random() < 0.02:
            with suppress(Transient):  # a deadlock with a batch
                await _execute(client, _AGED, ["8 days"])
        if step % 100 == 99:
            await _compare(client, draw.sample(consumers, 1), draw, f"IHUB_SEED={seed}")
    await _compare(client, consumers, draw, f"IHUB_SEED={seed}")
    counts = [(each.pages, each.resets, each.expired, each.deactivated) for each in consumers]
    print(f"{STEPS_OF_MODEL} batches; pages, resets, expired cursors, deactivations: {counts}; IHUB_SEED={seed}")


async def _begin(client: Client, consumers: list[Consumer], draw: random.Random) -> None:
    """Let each consumer see, with any draws, a reset, a deactivation and a cursor that expired."""
    for size in (60, 55):
        await client.load(catalogue(size))
        for consumer in consumers:
            await drain(client, consumer, draw_limit(draw))
    assert [(each.resets, each.deactivated, each.expired) for each in consumers] == [(1, 5, 0)] * len(consumers)
    await client.load([product(1, PRICE=9)], "delta")
    await _execute(client, _AGED, ["8 days"])
    for consumer in consumers:
        await drain(client, consumer, draw_limit(draw))
    assert [each.expired for each in consumers] == [1] * len(consumers)


async def _post_some(client: Client, draw: random.Random) -> str:
    ids = draw.sample(range(1, 60), draw.choice([1, 5, 40]))
    wire = [product(n, PRICE=draw.randint(1, 9), QUANTITY=draw.randint(1, 3)) for n in ids]
    kind = draw.choice(["full", "delta", "delta"])
    answer = await client.post(wire, kind, **{"Idempotency-Key": str(draw.random())})
    while answer.status_code == 503:  # the pharmacy's turn is locked
        await asyncio.sleep(0.1)
        answer = await client.post(wire, kind, **{"Idempotency-Key": str(draw.random())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


async def _decide_or_replay(client: Client, batch: dict[str, Any], draw: random.Random) -> None:
    path, order = f"/v1/batches/{batch['batch_id']}", None
    if batch["deactivation"]["state"] == "held":
        path, order = f"{path}/deactivation", {"decision": draw.choice(["approve", "approve", "reject"])}
    else:
        path = f"{path}/replay"
    answer = await client.http.post(path, json=order, headers={"X-Admin-Api-Key": ADMIN})
    assert answer.status_code in (200, 202, 409), answer.text


async def _compare(client: Client, consumers: list[Consumer], draw: random.Random, told: str) -> None:
    """Wait until every batch is final; then a consumer that reads to the end has the table."""
    async with asyncio.timeout(120):
        while [each for each in (await client.get("/v1/batches", limit=500))["items"] if not each["finished_at"]]:
            await asyncio.sleep(0.05)
    expected = await table(client)
    for consumer in consumers:
        await drain(client, consumer, draw_limit(draw))
        assert consumer.products == expected, told
