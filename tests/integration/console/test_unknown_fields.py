"""Unknown fields of records: counted once by pharmacy, as the client spelled them, and bounded."""

from typing import Any

from integrahub.db.console import figures
from integrahub.db.products.unknown_fields import MAX_FIELDS_PER_PHARMACY
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product


async def _found(client: Client) -> dict[str, int]:
    async with client.hub.database.transaction() as connection:
        row: Any = await (await connection.execute("SELECT id FROM pharmacies")).fetchone()
    rows = await figures.find_unknown_fields(client.hub.database, row["id"])
    assert all(row.first_seen_at <= row.last_seen_at for row in rows)
    return {row.field: row.records for row in rows}


def _with(records: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    return [record | fields for record in records]


async def test_records_with_unknown_fields_are_counted_by_field(client: Client) -> None:
    await client.load([*_with(catalogue(120), LOTE_VAL="2027-01"), *_with([product(121)], Cor_Caixa="azul")])
    assert await _found(client) == {"LOTE_VAL": 120, "Cor_Caixa": 1}
    await client.load(_with([product(1, TITLE="OUTRO")], LOTE_VAL="2027-02"), "delta")  # in the fast path
    assert await _found(client) == {"LOTE_VAL": 121, "Cor_Caixa": 1}


async def test_records_that_did_not_change_are_not_counted_again(client: Client) -> None:
    for _ in range(2):
        await client.load(_with(catalogue(60), LOTE_VAL="2027-01"), **{"Idempotency-Key": f"load {_}"})
    assert await _found(client) == {"LOTE_VAL": 60}


async def test_known_fields_and_those_of_the_pharmacy_are_not_unknown(client: Client) -> None:
    await client.load(_with(catalogue(60), CIDADE="Campinas"))
    await client.load(_with([product(1)], PRICE="1,50"), "delta")
    assert "PRICE" not in await _found(client) and "TITLE" not in await _found(client)


async def test_a_dry_run_counts_no_field(client: Client) -> None:
    await client.load(_with(catalogue(60), LOTE_VAL="2027-01"), **{"X-Inova-Dry-Run": "true"})
    await client.load(_with([product(1)], LOTE_VAL="2027-01"), "delta", **{"X-Inova-Dry-Run": "true"})
    assert await _found(client) == {}


async def test_fields_of_a_pharmacy_are_bounded_and_known_ones_still_count(client: Client) -> None:
    await client.load(_with([product(1)], LOTE_VAL="1"), "delta")
    made_up = [product(number) | {f"KEY_{number:04}": "x", "LOTE_VAL": "2"} for number in range(1, 300)]
    await client.load(made_up)
    await client.load(_with([product(1, TITLE="OUTRO")], LOTE_VAL="3", ZZ_NEW="3"), "delta")
    found = await _found(client)
    assert len(found) == MAX_FIELDS_PER_PHARMACY and found["LOTE_VAL"] == 301


async def test_a_hostile_field_is_kept_as_text_and_shortened(client: Client) -> None:
    name = "<script>\u202e'\"\\\n" + "x" * 5000
    await client.load([product(1) | {name: "x"}], "delta")
    assert await _found(client) == {name[:100]: 1}
