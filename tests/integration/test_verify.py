"""Verify: the catalogue rebuilt from stored bodies, compared with the table."""

import random
import shutil
from typing import Any

import msgspec
import pytest

from integrahub.domain.errors import NotFound
from tests.integration.conftest import ADMIN, CNPJ, Client
from tests.integration.test_replays import catalogue, killing, product, replay
from tests.reference_model.strategies import load


async def verdict(client: Client) -> dict[str, Any]:
    return dict(msgspec.to_builtins(await client.hub.verify()(CNPJ, lambda done, total: None)))


async def change(client: Client, statement: str) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement)  # type: ignore[arg-type]


async def test_a_catalogue_equals_its_bodies_after_loads_replays_faults_and_deactivations(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(20)
    for _ in range(12):
        load_type, records = load(draw, 120)
        await client.load(records, load_type)
    first = await client.load(catalogue(30))
    await client.load([{"PRODUCTID": 3, "BRAND": "later"}, {"PRODUCTID": 99, "PRICE": 1}], "delta")
    await client.load(catalogue(28, PRICE="7,5"))
    dead = await killing(client, monkeypatch, [product(1, BRAND="B"), product(2)], "delta")
    wanted, headers = {"filter": {"batch_id": dead["batch_id"]}}, {"X-Admin-Api-Key": ADMIN}
    assert (await client.http.post("/v1/dead-letters/replay", json=wanted, headers=headers)).status_code == 202
    await replay(client, first)
    found = await verdict(client)
    assert found["judged"] > 28 and found["batches"] == found["all_batches"]
    assert (found["found"], found["unjudged"], found["differences"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE products SET price = 999 WHERE product_id = 3",
            {"product_id": 3, "finding": "different", "columns": ["price"]},
        ),
        (
            "UPDATE products SET is_active = false, deactivated_at = now(), last_seen_at = now() WHERE product_id = 3",
            {"product_id": 3, "finding": "different", "columns": ["is_active"]},
        ),
        ("DELETE FROM products WHERE product_id = 3", {"product_id": 3, "finding": "missing", "columns": []}),
        (
            "UPDATE products SET product_id = 77 WHERE product_id = 3",
            {"product_id": 77, "finding": "unexpected", "columns": []},
        ),
    ],
)
async def test_a_row_changed_behind_the_hubs_back_is_found(client: Client, statement: str, expected: Any) -> None:
    await client.load(catalogue(5))
    await client.load([{"PRODUCTID": 4, "COLOR": "red", "NOTE": {"a": 1}}], "delta")
    await change(client, statement)
    found = await verdict(client)
    assert expected in found["differences"]
    assert found["found"] == len(found["differences"]) <= 2


async def test_what_bodies_that_are_gone_told_is_not_judged(client: Client) -> None:
    await client.load(catalogue(4000))
    await client.load([{"PRODUCTID": 1, "PRICE": 5}, {"PRODUCTID": 2, "PRICE": 5}], "delta")
    shutil.rmtree(client.hub.settings.data_dir / "objects" / "batches")
    await change(client, "UPDATE products SET title = 'changed' WHERE product_id IN (1, 4)")
    found = await verdict(client)
    assert (found["batches"], found["all_batches"], found["judged"], found["unjudged"]) == (1, 2, 0, 4000)
    await client.load(catalogue(3998))
    found = await verdict(client)
    assert (found["batches"], found["judged"], found["unjudged"]) == (2, 3998, 2)
    assert found["differences"] == [{"product_id": 4, "finding": "different", "columns": ["title"]}]


async def test_a_pharmacy_of_which_nothing_was_applied_is_said_to_be_so(client: Client) -> None:
    with pytest.raises(NotFound, match="Nothing was ever applied"):
        await verdict(client)
