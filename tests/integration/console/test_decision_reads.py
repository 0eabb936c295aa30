"""Held deactivations: the list, the evidence for one, and the products that would go."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from integrahub.db.console import decisions
from integrahub.db.console.batch_rows import Decision
from integrahub.db.console.decisions import ProductPage
from integrahub.db.rows import fetch_column
from integrahub.domain.batches import DeactivationState
from tests.integration.conftest import ADMIN, CNPJ, Client


def _records(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "PRODUCTID": number,
            "TITLE": f"Dipirona {number}" if number % 2 else f"Shampoo {number}",
            "EAN": f"78960047{number:05d}",
            "CATEGORY": "PERFUMARIA" if number > 30 else "MEDICAMENTOS",
            "QUANTITY": number % 3,
            "PRICE": number,
        }
        for number in range(first, last + 1)
    ]


async def _hold(client: Client) -> UUID:
    """Load 60 products, then a FULL of 30 of them; return the held FULL."""
    await client.load(_records(1, 60))
    batch = await client.load(_records(1, 30))
    assert batch["deactivation"]["state"] == DeactivationState.HELD
    return UUID(batch["batch_id"])


async def _find(client: Client, batch_id: UUID) -> Decision:
    decision = await decisions.find(client.hub.all_tenants, batch_id)
    assert decision
    return decision


async def test_the_evidence_counts_what_would_go(client: Client) -> None:
    await client.load(_records(1, 62))  # the next FULL deactivates two of them
    batch_id = await _hold(client)
    database = client.hub.all_tenants
    decision = await _find(client, batch_id)
    evidence = await decisions.find_evidence(database, decision)
    counts = evidence.counts
    assert (counts.active, counts.absent, counts.in_stock, counts.recent) == (60, 30, 20, 30)
    assert [(category.category, category.count) for category in evidence.categories] == [("PERFUMARIA", 30)]
    assert [full.items_total for full in evidence.former_fulls] == [30, 60, 62]
    # A later DELTA brings a product back: it would stay.
    await client.load(_records(40, 40), "delta")
    after = await decisions.find_evidence(database, decision)
    assert after.counts.absent == 29 and after.categories == []


@pytest.mark.parametrize("sort", ["product_id", "stock", "price", "updated"])
async def test_the_products_that_would_go_are_those_that_an_approval_deactivates(client: Client, sort: Any) -> None:
    batch_id = await _hold(client)
    decision = await _find(client, batch_id)
    listed: list[int] = []
    after = None
    while rows := await decisions.list_absent(
        client.hub.all_tenants, decision, ProductPage(sort=sort, after=after, limit=7)
    ):
        listed += [row.product_id for row in rows]
        after = (rows[-1].sort_key, rows[-1].product_id)
    figure = {"stock": lambda number: -(number % 3), "price": lambda number: -number}.get(sort, lambda number: 0)
    assert listed == sorted(range(31, 61), key=lambda number: (figure(number), number))
    await client.admin("POST", f"/v1/batches/{batch_id}/deactivation", {"decision": "approve"})
    async with asyncio.timeout(30):
        while (await client.get(f"/v1/batches/{batch_id}"))["deactivation"]["state"] != DeactivationState.APPROVED:
            await asyncio.sleep(0.05)
    async with client.hub.database.transaction() as connection:
        inactive = await fetch_column(connection, "SELECT product_id FROM products WHERE NOT is_active", {}, int)
    assert sorted(inactive) == sorted(listed)


async def test_the_products_that_would_go_are_filtered_by_text_and_stock(client: Client) -> None:
    decision = await _find(client, await _hold(client))
    database = client.hub.all_tenants

    async def ids(**filters: Any) -> list[int]:
        return [row.product_id for row in await decisions.list_absent(database, decision, ProductPage(**filters))]

    assert await ids(q="shampóo") == list(range(32, 61, 2))
    assert await ids(q="7896004700045") == [45]
    assert await ids(q="33") == [33]
    assert await ids(q="%") == []
    assert await ids(in_stock=True) == [number for number in range(31, 61) if number % 3]
    assert await ids(in_stock=True, q="dipirona") == [number for number in range(31, 61, 2) if number % 3]


async def test_held_deactivations_are_listed_until_they_are_decided(client: Client) -> None:
    batch_id = await _hold(client)
    database = client.hub.all_tenants
    held = await decisions.list_held(database, None, None, 50)
    assert [(batch.id, batch.candidates, batch.active, batch.is_pending) for batch in held] == [
        (batch_id, 30, 60, False)
    ]
    assert await decisions.list_held(database, None, (held[0].received_at, held[0].id), 50) == []
    assert await decisions.list_held(database, "no such name", None, 50) == []
    assert [batch.id for batch in await decisions.list_held(database, CNPJ, None, 50)] == [batch_id]
    entry, replaced_by = await decisions.find_outcome(database, await _find(client, batch_id))
    assert (entry, replaced_by) == (None, None)
    await client.admin("POST", f"/v1/batches/{batch_id}/deactivation", {"decision": "reject"})
    assert await decisions.list_held(database, None, None, 50) == []
    entry, _ = await decisions.find_outcome(database, await _find(client, batch_id))
    assert entry and (entry.actor, entry.action) == ("operator", "batch.reject")


async def test_a_later_full_takes_over_the_decision(client: Client) -> None:
    batch_id = await _hold(client)
    failed = await client.load(b'[{"PRODUCTID": 1, "TITLE": "x"')
    later = await client.load(_records(1, 59))
    assert failed["status"] == "FAILED"
    decision = await _find(client, batch_id)
    _, replaced_by = await decisions.find_outcome(client.hub.all_tenants, decision)
    assert replaced_by and str(replaced_by.id) == later["batch_id"]
    assert (await client.get(f"/v1/batches/{batch_id}", ADMIN))["deactivation"]["state"] == "superseded"


async def test_a_decision_that_was_refused_is_not_the_one_that_was_made(client: Client) -> None:
    batch_id = await _hold(client)
    path = f"/v1/batches/{batch_id}/deactivation"
    await client.admin("POST", path, {"decision": "reject"})
    refused = await client.http.post(path, json={"decision": "approve"}, headers={"X-Admin-Api-Key": ADMIN})
    assert refused.status_code == 409
    entry, _ = await decisions.find_outcome(client.hub.all_tenants, await _find(client, batch_id))
    assert entry and entry.action == "batch.reject"


async def test_a_batch_that_was_never_held_has_no_decision(client: Client) -> None:
    batch = await client.load(_records(1, 5))
    assert await decisions.find(client.hub.all_tenants, UUID(batch["batch_id"])) is None
