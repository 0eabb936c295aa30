"""Polling by `updated_since` misses no change, in whatever order transactions commit."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from integrahub.db.products import merge as merging
from integrahub.domain.events import ChunkReady
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product


class Poller:
    """Consumer that continues from the newest change it saw."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.newest = "2000-01-01T00:00:00Z"
        self.prices: dict[int, float] = {}

    async def poll(self, **query: str) -> int:
        found = await self.client.products(updated_since=self.newest, **query)
        self.prices |= {number: item["price"] for number, item in found.items()}
        moments = [item["updatedAt"] for item in found.values()] + [self.newest]
        self.newest = max(moments, key=datetime.fromisoformat)
        return len(found)


def ready(batch_id: str, number: int) -> bytes:
    event = ChunkReady(f"{batch_id}/{number}", UUID(batch_id), 1, CNPJ, "full", "body", 50, number, 2)
    return msgspec.json.encode(event)


async def test_a_change_that_commits_late_is_not_lost(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(settings, list(STEPS)) as client:
        key = client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(100))
        poller = Poller(client)
        assert await poller.poll() == 100
    merge, written, released = merging.merge_chunks, asyncio.Event(), asyncio.Event()

    async def slow(connection: Any, parts: Any, *rest: Any) -> Any:
        counters = await merge(connection, parts, *rest)
        if parts[0].number == 0:  # written, and not committed for a while
            written.set()
            await released.wait()
        return counters

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", slow)
    async with running(settings, ["split"]) as client:
        client.key, poller.client = key, client
        posted = (await client.post([product(n, PRICE=1000 + n) for n in range(1, 101)])).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{posted}"))["stage"] != "upserting":
                await asyncio.sleep(0.02)
        first = asyncio.create_task(client.hub.upsert(uuid4())(ready(posted, 0)))
        await written.wait()
        await client.hub.upsert(uuid4())(ready(posted, 1))
        assert await client.products(price_min="1051") and not await client.products(
            price_min="1001", price_max="1050.5"
        )
        await poller.poll()
        released.set()
        await first
        await poller.poll()
        await client.hub.finish().finish(UUID(posted))
        await poller.poll()
    assert poller.prices == {n: 1000 + n for n in range(1, 101)}


async def test_every_page_of_a_question_is_of_one_moment(client: Client) -> None:
    await client.load(catalogue(20))
    asked = {"updated_since": "2000-01-01T00:00:00Z", "sort": "product_id", "limit": 10}
    page = await client.get("/v1/products", **asked)
    await client.load([product(15, PRICE=99)], "delta")
    rest = await client.get("/v1/products", **asked, cursor=page["pagination"]["next_cursor"])
    assert [item["id"] for item in rest["items"]] == [11, 12, 13, 14, 16, 17, 18, 19, 20]
    assert 15 in await client.products(updated_since=rest["items"][-1]["updatedAt"])
