"""Limits on reads per key; they end with their client and do not delay posts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from integrahub.db.products import search as catalogue
from integrahub.db.queries import load_queries
from integrahub.db.tenancy import DatabaseRole, TenantContext
from integrahub.hub.bootstrap import open_hub
from integrahub.resilience.circuit_breaker import CircuitState
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.listening import Wire, listening

OTHER = "33000167000101"
_PHARMACIES = "INSERT INTO pharmacies (cnpj, name) SELECT n::text, 'x' FROM generate_series(1, 20) n"
_MANY = """INSERT INTO products (pharmacy_id, product_id, batch_id, title)
  SELECT p, n, gen_random_uuid(), 'DIPIRONA ' || n FROM generate_series(1, 20) p, generate_series(1, 500) n"""
_WAITING = """SELECT count(*) AS n FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'"""
_SECONDS = 1.0  # that a read may take here


@pytest.fixture
def bounded(settings: Settings) -> Settings:
    bounds = {"read_timeout_seconds": _SECONDS, "reads_per_key": 2, "read_pool_size": 4, "pool_max_size": "api=3"}
    return settings.model_copy(update=bounds)


@pytest.fixture
async def reader(bounded: Settings) -> AsyncIterator[Client]:
    async with running(bounded, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@asynccontextmanager
async def _locked_products(client: Client) -> AsyncIterator[None]:
    """Block every read of products, as a search of minutes would."""
    async with client.hub.database.transaction() as connection:
        await connection.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        yield


async def _waiting(client: Client) -> int:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute(_WAITING)).fetchone()
    return int(row["n"]) if row else 0


async def _until(client: Client, count: int) -> None:
    async with asyncio.timeout(20):
        while await _waiting(client) != count:
            await asyncio.sleep(0.02)


def _read(client: Client, key: str = "", path: str = "/v1/products?q=zzz") -> asyncio.Task[httpx2.Response]:
    return asyncio.create_task(client.http.get(path, headers={"X-Api-Key": key or client.key}))


async def test_reads_that_hang_do_not_keep_another_pharmacys_posts_waiting(reader: Client) -> None:
    other = (await reader.admin("POST", f"/admin/pharmacies/{OTHER}/api-key"))["api_key"]
    async with _locked_products(reader):
        reads = [_read(reader) for _ in range(10)]
        await _until(reader, 2)
        for number in range(1, 6):
            answer = await reader.post([{"PRODUCTID": number, "TITLE": "A"}], **{"X-Api-Key": other})
            assert answer.status_code == 202, answer.text
            assert not all(read.done() for read in reads)
        answers = await asyncio.gather(*reads)
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} <= {
        (503, "read_too_slow"),
        (429, "reads_at_once"),
    }
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert reader.hub.breakers["postgresql"].state is CircuitState.CLOSED
    assert (await reader.http.get("/readyz")).status_code == 200


async def test_an_operators_read_that_takes_too_long_says_so(reader: Client) -> None:
    async with _locked_products(reader):
        answer = await _read(reader, ADMIN, f"/v1/products?cnpj={CNPJ}&q=zzz")
    assert (answer.status_code, answer.json()["code"]) == (503, "read_too_slow")


async def test_a_key_reads_few_at_once_and_another_key_beside_it(reader: Client) -> None:
    other = (await reader.admin("POST", f"/admin/pharmacies/{OTHER}/api-key"))["api_key"]
    async with _locked_products(reader):
        reads = [_read(reader) for _ in range(4)]
        await _until(reader, 2)
        reads.append(_read(reader, other))
        await _until(reader, 3)
        too_many = [_read(reader) for _ in range(30)]
        refused = [answer for answer in await asyncio.gather(*too_many) if answer.status_code == 429]
        assert len(refused) >= 12 and refused[0].json()["code"] == "reads_at_once"
        await asyncio.gather(*reads)


async def test_other_reads_of_a_key_do_not_wait_for_its_searches(reader: Client, bounded: Settings) -> None:
    patient = bounded.model_copy(update={"read_timeout_seconds": 300.0})
    async with running(patient, []) as client:
        async with _locked_products(client):
            searches = [_read(client, reader.key) for _ in range(4)]
            await _until(client, 2)
            batches = await _read(client, reader.key, "/v1/batches")
            assert batches.status_code == 200 and not any(search.done() for search in searches)
        assert {answer.status_code for answer in await asyncio.gather(*searches)} == {200}


async def test_a_read_ends_with_its_client(reader: Client, bounded: Settings) -> None:
    patient = bounded.model_copy(update={"read_timeout_seconds": 300.0})
    async with running(patient, []) as client, listening(client.app, patient) as port, _locked_products(reader):
        async with Wire(port) as wire:
            head = f"GET /v1/products?q=a HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {reader.key}\r\n\r\n"
            await wire.send(head.encode())
            await _until(reader, 1)
        await _until(reader, 0)


async def test_reads_have_a_limit_of_their_own(settings: Settings) -> None:
    async with running(settings.model_copy(update={"read_rate_limit": "5/hour"}), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        answers = [await _read(client, path="/v1/products") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[-1].json()["code"] == "reads_limited" and int(answers[-1].headers["Retry-After"]) > 0
        assert (await client.post([{"PRODUCTID": 1, "TITLE": "A"}])).status_code == 202
        await client.admin("GET", "/v1/batches")


@pytest.mark.parametrize("name", ["q", "ean", "category", "brand"])
async def test_a_text_searched_for_has_100_characters_at_most(reader: Client, name: str) -> None:
    assert (await _read(reader, path=f"/v1/products?{name}={'á' * 100}")).status_code == 200
    answer = await _read(reader, path=f"/v1/products?{name}={'a' * 101}")
    assert (answer.status_code, answer.json()["code"]) == (400, "query_too_long")


async def test_a_search_takes_one_core_and_its_own_pharmacys_rows_from_an_index(
    reader: Client, bounded: Settings
) -> None:
    """Check the plan under row security: the pharmacy may use an index, `LIKE` may not."""
    async with reader.hub.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO pharmacies (cnpj, name) SELECT g::text, 'x' FROM generate_series(1, 20) g"
        )
        await connection.execute(_MANY)
        await connection.execute("ANALYZE products")
    async with open_hub(bounded, role=DatabaseRole.API) as api:
        values = dict.fromkeys(catalogue.FILTERS) | {"pharmacy_id": 7, "q": "%zzz%", "include_inactive": False}
        queries = load_queries("integrahub.db.products.search")
        count = queries["count"] + " " + queries["matching"]
        async with api.reads.for_tenants(TenantContext(ids=(7,))).transaction() as connection:
            await connection.execute("SET LOCAL min_parallel_table_scan_size = 0")
            await connection.execute("SET LOCAL parallel_setup_cost = 0")
            rows = await (await connection.execute("EXPLAIN " + count, values | {"settled_until": None})).fetchall()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Gather" not in plan and "Seq Scan on products" not in plan, plan
    assert "products_" in plan and "pharmacy_id = " in plan
