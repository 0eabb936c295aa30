"""The change feed compared with the table after random batches, decisions, replays and polls."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from integrahub.domain.errors import Transient
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_change_feed import drain, poll, table
from tests.integration.test_flow import catalogue, product
from tests.reference_model.consumer import Consumer, draw_limit

STEPS_OF_MODEL = 10_000 if os.environ.get("IHUB_LONG") else 40


_AGED = "UPDATE batches SET received_at = received_at - %s::interval"


async def _execute(client: Client, statement: str, values: Any = None) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement, values)  # type: ignore[arg-type]


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


async def _compare(client: Client, consumers: list[Consumer], draw: random.Random, seed_text: str) -> None:
    """Wait until every batch is final; then a consumer that reads to the end has the table."""
    async with asyncio.timeout(120):
        while [each for each in (await client.get("/v1/batches", limit=500))["items"] if not each["finished_at"]]:
            await asyncio.sleep(0.05)
    expected = await table(client)
    for consumer in consumers:
        await drain(client, consumer, draw_limit(draw))
        assert consumer.products == expected, seed_text
