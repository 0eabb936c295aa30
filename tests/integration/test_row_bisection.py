"""A row that PostgreSQL rejects costs only its record and few extra statements."""

import math

import pytest
from psycopg import sql

from integrahub.db.database import Connection, Database
from integrahub.db.products.bisect import write_bisecting
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product
from tests.integration.test_replays import _cancelled, replay


async def _refuse(client: Client, title: str) -> None:
    """Make the table reject products with this title."""
    statement = sql.SQL("ALTER TABLE products ADD CHECK (title <> {})").format(sql.Literal(title))
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize("load_type", ["full", "delta"])
async def test_a_new_product_the_table_refuses_is_rejected_alone(client: Client, load_type: str) -> None:
    await _refuse(client, "P 7")
    batch = await client.load(catalogue(100), load_type)
    assert (batch["status"], batch["inserted"], batch["rejected"], batch["chunks_done"]) == ("PARTIAL_FAIL", 99, 1, 2)
    (fault,) = (await client.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"]
    assert (fault["position"], fault["product_id"], fault["code"]) == (6, "7", "record_refused")
    assert 7 not in await client.products()
    async with client.hub.database.transaction() as connection:
        rows = await (await connection.execute("SELECT attempts FROM batch_chunks ORDER BY number")).fetchall()
    assert [row["attempts"] for row in rows] == [0, 0]  # the same attempt writes the others


async def test_changes_the_table_refuses_leave_their_products_as_they_were(client: Client) -> None:
    await client.load(catalogue(100))
    await _refuse(client, "POISON")
    changed = [product(n, PRICE=n + 1, **({"TITLE": "POISON"} if n in (3, 30, 49, 100) else {})) for n in range(1, 101)]
    batch = await client.load([*changed, product(101)])
    assert (batch["updated"], batch["inserted"], batch["rejected"]) == (96, 1, 4)
    products = await client.products()
    assert {n for n, item in products.items() if item["price"] == n + 0.5} == {3, 30, 49, 100, 101}


async def test_changes_of_a_replay_count_once_although_the_table_refuses_a_new_product(client: Client) -> None:
    await client.load(catalogue(5))
    changed = [product(n, PRICE=90) for n in range(1, 6)]
    batch = await _cancelled(client, [*changed, product(7, TITLE="POISON"), product(8)], "delta")
    await _refuse(client, "POISON")
    again = await replay(client, batch)
    assert (again["inserted"], again["updated"], again["unchanged"], again["rejected"]) == (1, 5, 0, 1)


@pytest.mark.parametrize("poison", [0, 1, 500, 999])
async def test_one_refused_row_costs_at_most_2_log2_n_writes_more(database: Database, poison: int) -> None:
    rows, writes = list(range(1000)), 0
    async with database.transaction() as connection:
        await connection.execute("CREATE TEMP TABLE taken (id int CHECK (id <> 0))")

        async def write(part: object) -> None:
            nonlocal writes
            writes += 1
            ids = [0 if row == poison else row + 1 for row in part]  # type: ignore[attr-defined]
            await connection.execute("INSERT INTO taken SELECT unnest(%s::int[])", [ids])

        refused = await write_bisecting(connection, rows, write)
        counted = await _count(connection)
    assert (refused, counted) == ([poison], 999)
    assert writes - 1 <= 2 * math.ceil(math.log2(len(rows)))


async def _count(connection: Connection) -> int:
    row = await (await connection.execute("SELECT count(*) AS n FROM taken")).fetchone()
    return int(row["n"]) if row else -1
