"""Unchanged filter: the split completes unchanged records; only differing ones go to the upsert."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from integrahub.domain.batches import BatchStatus
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product


async def _chunks(client: Client, batch: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return status, records, unchanged products and worker of each chunk."""
    shown = "SELECT status, records, unchanged, worker_id IS NOT NULL AS taken FROM batch_chunks"
    async with client.hub.database.transaction() as connection:
        asked = await connection.execute(f"{shown} WHERE batch_id = %s ORDER BY number", [batch["batch_id"]])
        found = await asked.fetchall()
    return [tuple(row.values()) for row in found]


async def test_a_full_that_repeats_the_table_reaches_no_upsert_worker(client: Client) -> None:
    await client.load(catalogue())
    batch = await client.load(list(reversed(catalogue())))
    assert (batch["status"], batch["unchanged"], batch["deactivation"]["state"]) == ("COMPLETED", 200, "none")
    assert await _chunks(client, batch) == [("COMPLETED", 50, 50, False)] * 4


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_the_few_records_that_differ_share_a_chunk_of_their_own(client: Client, encoding: str) -> None:
    await client.load(catalogue())
    changed = [product(n, PRICE=99) if n % 40 == 0 else product(n if n != 13 else 201) for n in range(1, 201)]
    body = json.dumps(changed).encode()
    batch = await client.load(gzip.compress(body) if encoding else body, **{"Content-Encoding": encoding})
    assert (batch["unchanged"], batch["updated"], batch["inserted"]) == (194, 5, 1)
    *settled, own = await _chunks(client, batch)
    assert [chunk[0] for chunk in settled] == ["COMPLETED"] * 4 and not any(chunk[3] for chunk in settled)
    assert own == ("COMPLETED", 6, 0, True)
    products = await client.products()
    assert {n for n, item in products.items() if item["price"] == 99} == {40, 80, 120, 160, 200}


async def test_promotions_that_follow_each_other_are_never_put_asunder(client: Client) -> None:
    promotions = [product(50, PRICEPROMO=price) for price in (1, 2, 3)]
    load = [*(product(n) for n in range(1, 50)), *promotions, *(product(n) for n in range(51, 120))]
    assert (await client.load(load))["merged"] == 2
    batch = await client.load([*load[1:], load[0]])
    assert (batch["unchanged"], batch["merged"]) == (119, 2)
    assert [chunk[1] for chunk in await _chunks(client, batch)] == [51, 50, 20]
    assert (await client.products())[50]["pricePromos"] == [1, 2, 3]


async def test_records_of_a_product_that_straddle_chunks_are_applied_whole_and_once(client: Client) -> None:
    promotions = [product(7, PRICEPROMO=1), *[product(n) for n in range(20, 90)], product(7, PRICEPROMO=2), product(95)]
    await client.load(promotions)
    batch = await client.load([*promotions[:-1], product(95, PRICE=1)])
    assert (batch["unchanged"], batch["updated"], batch["merged"]) == (71, 1, 1)
    assert (await client.products())[7]["pricePromos"] == [1, 2]


async def test_a_full_with_mostly_new_records_is_left_to_the_upsert_workers(client: Client) -> None:
    await client.load(catalogue())
    batch = await client.load([product(n, PRICE=1) for n in range(1, 201)])
    assert batch["updated"] == 200
    assert [chunk[3] for chunk in await _chunks(client, batch)] == [True] * 4


async def test_nothing_is_settled_by_a_split_that_does_not_have_the_turn(client: Client) -> None:
    await client.load(catalogue())
    posted = [await client.post(load) for load in ([product(n, PRICE=1) for n in range(1, 201)], catalogue()) * 3]
    batches = await asyncio.gather(*(client.finished(answer.json()["batch_id"]) for answer in posted))
    assert [(batch["status"], batch["updated"]) for batch in batches] == [(BatchStatus.COMPLETED, 200)] * 6
    assert {n: item["price"] for n, item in (await client.products()).items()} == {n: n + 0.5 for n in range(1, 201)}


async def test_a_product_that_was_deactivated_comes_back_though_its_record_is_known(client: Client) -> None:
    await client.load(catalogue())
    await client.load(catalogue()[:190])
    batch = await client.load(catalogue())
    assert (batch["unchanged"], batch["updated"]) == (190, 10)
    assert len(await client.products()) == 200


async def test_a_body_that_is_cut_off_settles_nothing(client: Client) -> None:
    await client.load(catalogue())
    cut = json.dumps(catalogue()).encode()[:-1]
    batch = await client.load(cut)
    assert (batch["status"], batch["unchanged"]) == ("FAILED", 0)
    assert await _chunks(client, batch) == []
