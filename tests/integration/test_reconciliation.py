"""Reconciliation: independent counts are compared, and /metrics shows their differences."""

import re

import pytest

from integrahub.db.monitoring.reconciliation import reconcile
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product


async def _metric(client: Client) -> int:
    await reconcile(client.hub.database)
    text = (await client.http.get("/metrics")).text
    found = re.search(r"^integrahub_unaccounted_records (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


@pytest.mark.parametrize(
    ("harm", "records"),
    [
        ("DELETE FROM batch_chunks WHERE number = 1", 50),
        ("UPDATE batch_chunks SET inserted = inserted - 3 WHERE number = 0", 3),
        ("UPDATE batches SET unchanged = unchanged + 7", 7),
        ("DELETE FROM record_issues", 1),
    ],
)
async def test_whatever_goes_missing_is_counted(client: Client, harm: str, records: int) -> None:
    batch = await client.load([*catalogue(149), product(150, PRICE="x")])
    assert (batch["inserted"], batch["rejected"]) == (149, 1)
    assert await _metric(client) == 0
    async with client.hub.database.transaction() as connection:
        await connection.execute(harm)  # type: ignore[arg-type]
    assert await _metric(client) >= records


async def test_promotions_rejects_and_late_repeats_all_add_up(client: Client) -> None:
    records = [product(n % 60 + 1, PRICEPROMO=n + 1, **({"PRICE": -1} if n % 7 == 0 else {})) for n in range(300)]
    await client.load(records)
    await client.load([*records[:100], 5, {"PRODUCTID": "x"}], "delta")
    assert await _metric(client) == 0
