"""Chunks and messages that fail every attempt become dead letters with a stack trace, grouped by cause."""

import asyncio
from typing import Any

import pytest

from integrahub.db.products.merge import merge_chunks
from integrahub.domain.events import CHUNKS_READY
from integrahub.resilience.retry_policy import RetryPolicy
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without the pauses of production."""
    monkeypatch.setattr(RetryPolicy, "decide", lambda self, attempts: 0.05 if attempts < self.attempts else None)


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the upsert of chunks with product 7 fail by the chunk's own fault."""

    async def failing(connection: Any, parts: Any, *more: Any) -> Any:
        if any(b'"PRODUCTID": 7,' in record for part in parts for record in part.records.to_object().records):
            raise ZeroDivisionError("seven is poison")
        return await merge_chunks(connection, parts, *more)

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", failing)
    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", failing)


async def _letters(client: Client, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while len(found := (await client.admin("GET", "/v1/dead-letters"))["items"]) < count:
            await asyncio.sleep(0.05)
    return list(found)


@pytest.mark.usefixtures("poisonous")
async def test_a_poisonous_chunk_costs_itself_and_leaves_a_letter_with_every_attempt(client: Client) -> None:
    batch = await client.load(catalogue(200))
    assert (batch["status"], batch["inserted"], batch["items_failed"]) == ("PARTIAL_FAIL", 150, 50)
    (letter,) = await _letters(client, 1)
    assert (letter["batch_id"], letter["chunk"], letter["records"]) == (batch["batch_id"], 0, 50)
    assert (letter["error"]["class"], letter["error"]["message"]) == ("ZeroDivisionError", "seven is poison")
    assert len(letter["attempts"]) == 3 and all(attempt["at"] for attempt in letter["attempts"])
    whole = await client.admin("GET", f"/v1/dead-letters/{letter['id']}")
    assert "seven is poison" in whole["error"]["stack"]
    stored = b"".join([block async for block in client.hub.storage.get(letter["location"])])
    assert stored
    assert batch["deactivation"]["state"] == "none"


@pytest.mark.usefixtures("poisonous")
async def test_equal_failures_are_counted_under_one_fingerprint_once_each(client: Client) -> None:
    for price in range(3):
        await client.load([product(7, PRICE=price + 1)], "delta")
    letters = await _letters(client, 3)
    assert len({letter["fingerprint"] for letter in letters}) == 1
    async with asyncio.timeout(20):
        while (groups := (await client.admin("GET", "/v1/dead-letters/groups"))["items"])[0:1] == [] or (
            groups[0]["count"] < 3
        ):
            await asyncio.sleep(0.05)
    assert [(group["count"], group["error_class"]) for group in groups] == [(3, "ZeroDivisionError")]
    by_error = await client.admin("GET", f"/v1/dead-letters?error={groups[0]['fingerprint']}&limit=2")
    assert len(by_error["items"]) == 2 and by_error["next_cursor"]
    assert (await client.admin("GET", "/v1/dead-letters?cnpj=33000167000101"))["items"] == []


async def test_a_message_that_cannot_be_read_is_a_dead_letter_at_once(client: Client) -> None:
    await client.hub.bus.publish(CHUNKS_READY, [b"not json"])
    (letter,) = await _letters(client, 1)
    assert (letter["topic"], letter["batch_id"]) == (CHUNKS_READY, None)
    assert (await client.admin("GET", f"/v1/dead-letters/{letter['id']}"))["body"] == "not json"
    async with asyncio.timeout(20):
        while await client.hub.bus.lag(CHUNKS_READY):
            await asyncio.sleep(0.05)
