"""Cursors of the change feed: which are answered 410, and which are refused."""

import pytest

from integrahub.domain import cursors
from tests.integration.conftest import Client
from tests.integration.test_change_feed import FEED, drain, poll, table
from tests.integration.test_change_feed_model import _AGED, _execute
from tests.integration.test_flow import catalogue, product
from tests.reference_model.consumer import Consumer


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
