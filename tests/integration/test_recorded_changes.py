"""The record of changes: one row per product that a batch truly changed, written with the change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from integrahub.db.batches import fast_path
from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.products.merge import merge_chunks
from integrahub.db.tenancy import ALL_TENANTS, DatabaseRole
from integrahub.domain.changes import COMPARED_COLUMNS
from integrahub.domain.steps import STEPS
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import product

_CHANGES: LiteralString = (
    "SELECT x.seq, x.product_id, x.kind, x.stock_only, x.fields FROM product_changes x"
    " JOIN batches b ON b.id = x.batch_id AND b.received_seq = x.seq AND b.pharmacy_id = x.pharmacy_id"
    " ORDER BY x.seq, x.product_id"
)
_INSERT: LiteralString = (
    "INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind) VALUES (1, 9, 0, gen_random_uuid(), %s)"
)
_REHEARSED: LiteralString = (
    "INSERT INTO dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only)"
    " VALUES (1, gen_random_uuid(), 0, %s, false)"
)


async def _changes(client: Client) -> list[tuple[Any, ...]]:
    async with client.hub.database.transaction() as connection:
        cursor = await connection.execute(_CHANGES)
        return [tuple(row.values()) for row in await cursor.fetchall()]


@pytest.fixture
async def valueless(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client of a hub that records no values."""
    async with running(settings.model_copy(update={"history": False}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def test_a_first_full_is_one_reset_and_later_changes_are_recorded_with_their_values(client: Client) -> None:
    await client.load([product(n, QUANTITY=1) for n in range(1, 120)])
    assert await _changes(client) == [(1, 0, "reset", False, None)]
    changed = {1: {"PRICE": 99}, 2: {"QUANTITY": 5}, 3: {"INDICE": 7}, 4: {"DATAATUALIZACAOPRODUTO": "2026-01-02"}}
    await client.load([product(n, **{"QUANTITY": 1} | changed.get(n, {})) for n in range(1, 119)])
    found = {row[1]: row for row in (await _changes(client))[1:]}
    assert found.keys() == {1, 2, 4, 119}  # INDICE alone is no change
    price = (await client.products())[1]["price"]
    assert found[1][2:4] == ("updated", False) and found[1][4]["price"][1] == price == 99
    assert found[2][2:] == ("updated", True, {"stock": [1, 5]})
    assert found[4][2:] == ("updated", True, {})
    assert found[119][2:] == ("deactivated", False, None)
    await client.load([product(119, QUANTITY=2), product(200)], "delta")
    back, new = (await _changes(client))[-2:]
    assert back == (3, 119, "reactivated", False, {"stock": [1, 2]})
    assert new[:3] == (3, 200, "inserted") and new[4]["title"] == [None, product(200)["TITLE"]]
    await client.load([product(n) for n in range(1, 202)])
    kinds = [row[2] for row in await _changes(client)]
    assert kinds.count("reset") == 1 and (4, 201, "inserted") in {row[:3] for row in await _changes(client)}


async def test_a_repeated_catalogue_records_nothing(client: Client) -> None:
    for _ in range(2):
        await client.load([product(n) for n in range(1, 120)])
        await client.load([product(n) for n in range(1, 30)], "delta")
    assert [row[2] for row in await _changes(client)] == ["reset"]


async def test_without_history_rows_are_recorded_but_no_values(valueless: Client) -> None:
    await valueless.load([product(1, QUANTITY=1), product(2)], "delta")
    await valueless.load([product(1, QUANTITY=2), product(2, PRICE=99), product(3)], "delta")
    assert (await _changes(valueless))[1:] == [
        (2, 1, "updated", True, None),
        (2, 2, "updated", False, None),
        (2, 3, "inserted", False, None),
    ]


async def test_without_history_every_kind_of_change_is_recorded(valueless: Client) -> None:
    await valueless.load([product(n, QUANTITY=1) for n in range(1, 120)])
    changed = {1: {"PRICE": 99}, 2: {"QUANTITY": 5}, 3: {"INDICE": 7}, 4: {"DATAATUALIZACAOPRODUTO": "2026-01-02"}}
    kept = [product(n, **{"QUANTITY": 1} | changed.get(n, {})) for n in range(1, 119)]
    await valueless.load(kept)
    batch = await valueless.load([*kept[:-1], *(product(n, PRICE=50) for n in [118, 119, *range(200, 300)])])
    assert (batch["inserted"], batch["updated"]) == (100, 2)
    assert await _changes(valueless) == [
        (1, 0, "reset", False, None),
        (2, 1, "updated", False, None),
        (2, 2, "updated", True, None),
        (2, 4, "updated", True, None),
        (2, 119, "deactivated", False, None),
        (3, 118, "updated", False, None),
        (3, 119, "reactivated", False, None),
        *((3, n, "inserted", False, None) for n in range(200, 300)),
    ]
    async with valueless.hub.database.transaction() as connection:
        found = await connection.execute("SELECT sum(reactivated)::int AS count FROM batches")
        assert await found.fetchall() == [{"count": 1}]


async def test_without_history_a_refused_row_is_not_recorded(valueless: Client) -> None:
    await valueless.load([product(1)])
    async with valueless.hub.database.transaction() as connection:
        await connection.execute("ALTER TABLE products ADD CHECK (title <> 'P 7')")
    batch = await valueless.load([product(n) for n in range(1, 60)])
    assert (batch["inserted"], batch["rejected"]) == (57, 1)
    assert [row[1] for row in (await _changes(valueless))[1:]] == [n for n in range(2, 60) if n != 7]


async def test_an_inserted_product_is_recorded_with_every_column_whatever_its_text(client: Client) -> None:
    await client.load([product(1)])
    hostile = "\"a\\\b\f\n\u0001\u2028{}[],:'%$$ çã😀"
    texts = "TITLE DESCRIPTION BRAND NCM CATEGORY IMAGELINK COLOR EAN SIZE MEASURE"
    numbers = {"PRICE": -0.0, "WHOLESALEPRICE": 1.1, "PRICEPROMO": 99.9999, "QUANTITY": -2.5, "WHOLESALEMIN": 0.125}
    record = dict.fromkeys(texts.split(), f"x{hostile}x") | numbers | {"SHOPID": 9, "FOO": {"BAR": hostile}}
    await client.load([product(2, **record), {"PRODUCTID": 3, "TITLE": "P"}], "delta")
    async with client.hub.database.transaction() as connection:
        cursor = await connection.execute("SELECT product_id, to_jsonb(p) AS row FROM products p WHERE product_id > 1")
        products = {row["product_id"]: row["row"] for row in await cursor.fetchall()}
    recorded = {row[1]: row[4] for row in (await _changes(client))[1:]}
    for product_id, columns in products.items():
        named = {name: columns[name] for name in COMPARED_COLUMNS if columns[name] not in ("", None, [])}
        assert recorded[product_id] == {name: [None, value] for name, value in named.items()}
    assert len(recorded[2]) == len(COMPARED_COLUMNS) and recorded[3] == {"title": [None, "P"]}


async def test_of_small_deltas_applied_together_only_the_first_that_inserts_is_a_reset(
    settings: Settings,
) -> None:
    async with running(settings, ["sweep"]) as idle:
        idle.key = (await idle.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        bodies = [[product(1, PRICE=-1)], [product(2)], [product(3)], [product(2, PRICE=99)]]
        posted = [(await idle.post(body, "delta")).json()["batch_id"] for body in bodies]
    async with running(settings, list(STEPS)) as client:
        client.key = idle.key
        for batch_id in posted:
            await client.finished(batch_id)
        assert [row[:3] for row in await _changes(client)] == [
            (2, 0, "reset"),
            (3, 3, "inserted"),
            (4, 2, "updated"),
        ]


async def test_a_small_delta_gives_way_if_another_batch_filled_the_catalogue_meanwhile(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def filled_meanwhile(connection: Any, parts: Any, *more: Any) -> Any:
        async with client.hub.database.transaction() as other:
            await other.execute("UPDATE pharmacies SET has_products = true")
        return await merge_chunks(connection, parts, *more)

    monkeypatch.setattr(fast_path, "merge_chunks", filled_meanwhile)
    await client.load([product(1)], "delta")
    assert [row[:3] for row in await _changes(client)] == [(1, 1, "inserted")]  # by the normal path


async def test_a_replay_that_fills_an_empty_catalogue_is_a_reset(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RetryPolicy, "decide", lambda self, attempts: 0.02 if attempts < self.attempts else None)

    async def failing(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("integrahub.db.chunks.apply.merge_chunks", failing)
        patch.setattr(fast_path, "merge_chunks", failing)
        dead = await client.load([product(1), product(2)])
    assert dead["status"] == "FAILED" and await _changes(client) == []
    path = f"/v1/batches/{dead['batch_id']}/replay"
    replay = await client.http.request("POST", path, headers={"X-Admin-Api-Key": ADMIN})
    await client.finished(replay.json()["batch_id"])
    assert [row[:3] for row in await _changes(client)] == [(2, 0, "reset")]
    assert len(await client.products()) == 2


async def test_the_api_records_resets_only_and_changes_no_row(client: Client, database_url: str) -> None:
    await client.load([product(1)], "delta")
    api = Database(url_as(database_url, DatabaseRole.API), size=1, role=DatabaseRole.API)
    await api.open()
    try:
        async with api.for_tenants(ALL_TENANTS).transaction() as connection:
            await connection.execute(_INSERT, ["reset"])
            await connection.execute(_REHEARSED, ["reset"])
        updated = _INSERT.replace("%s", "'updated'")
        rehearsed = _REHEARSED.replace("%s", "'updated'")
        for statement in (updated, rehearsed, "DELETE FROM product_changes", "DELETE FROM dry_run_changes"):
            with pytest.raises(InsufficientPrivilege):
                async with api.for_tenants(ALL_TENANTS).transaction() as connection:
                    await connection.execute(statement.encode())
    finally:
        await api.close()
    await asyncio.to_thread(_refuse_worker, database_url)


def _refuse_worker(database_url: str) -> None:
    with psycopg.connect(url_as(database_url, DatabaseRole.WORKER), autocommit=True) as worker:
        for statement in (b"DELETE FROM product_changes", b"SELECT FROM product_changes_main"):
            with pytest.raises(InsufficientPrivilege):
                worker.execute(statement)
