"""Tenancy in the database, table by table, under the roles of the processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from psycopg.errors import InsufficientPrivilege

from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import ALL_TENANTS, DatabaseRole, TenantContext
from tests.integration.conftest import CNPJ, SHARED, Client
from tests.integration.tenant_tables import OF_PHARMACIES, OF_THE_CONSOLE, OF_THE_OPERATOR, OF_WORKERS, PUBLIC

OTHER = "33000167000101"
RECORDS = [{"PRODUCTID": 1, "TITLE": "A"}, {"PRODUCTID": 2, "TITLE": "B", "PRICE": -1}]


@asynccontextmanager
async def _filled(client: Client) -> AsyncIterator[Database]:
    """Yield the API's connection to a database in which two pharmacies have rows in every table."""
    vendor = (await client.admin("POST", "/admin/keys", {"cnpjs": "all"}))["api_key"]
    for cnpj in (CNPJ, OTHER):
        posted = await client.post([record | {"CNPJ": cnpj} for record in RECORDS], **{"X-Api-Key": vendor})
        await client.finished(posted.json()["batch_id"], vendor)
    async with client.hub.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO dead_letters (batch_id, chunk, records, error_class, error_code, culprit, message, stack,"
            " attempts, fingerprint) SELECT id, 9, 1, '', '', '', '', '', '[]', 'f' FROM batches"
        )
        await connection.execute(
            "INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind)"
            " SELECT pharmacy_id, received_seq, 0, id, 'reset' FROM batches"
        )
        await connection.execute(
            "INSERT INTO dry_runs (batch_id, deactivated, deactivation_state, deactivation_candidates)"
            " SELECT id, 0, 'none', 0 FROM batches"
        )
        await connection.execute(
            "INSERT INTO dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only)"
            " SELECT pharmacy_id, id, 0, 'reset', false FROM batches"
        )
        await connection.execute("INSERT INTO failure_groups VALUES ('f', '', '', '', 1, now(), now(), 1)")
        await connection.execute("INSERT INTO workers (name, id, steps, pid) VALUES ('w', gen_random_uuid(), '{}', 1)")
        await connection.execute(
            "INSERT INTO full_uploads (batch_id, pharmacy_id, begun_at, renewed_at)"
            " SELECT id, pharmacy_id, now(), now() + interval '1 hour' FROM batches"
        )
        await connection.execute(
            "INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, sealed_secret)"
            " SELECT 'pharmacy', id, '', '', '{batch.completed}', '' FROM pharmacies"
        )
        await connection.execute(
            "INSERT INTO webhook_deliveries (endpoint_id, event, next_attempt_at)"
            " SELECT id, 'webhook.test', now() FROM webhook_endpoints"
        )
        await connection.execute("INSERT INTO webhook_attempts SELECT id, 1, now(), 5 FROM webhook_deliveries")
        await connection.execute(
            "INSERT INTO bulk_operations (id, actor, filters, letters) VALUES (gen_random_uuid(), '', '{}', 1)"
        )
        await connection.execute("INSERT INTO worker_restarts VALUES ('upsert', 1)")
        await connection.execute("INSERT INTO refusals VALUES (now(), '', '', 'key_missing', '', 1, now())")
        await connection.execute(
            "INSERT INTO reconciliations (at, unaccounted) VALUES (now(), 0) ON CONFLICT DO NOTHING"
        )
    await client.hub.statistics()()
    url = str(client.hub.settings.database_url)
    database = Database(url_as(url, DatabaseRole.API), size=2, role=DatabaseRole.API)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def api(client: Client) -> AsyncIterator[Database]:
    """Yield the API's connection to a filled database."""
    async with _filled(client) as database:
        yield database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(shared_client: Client) -> AsyncIterator[Database]:
    """Yield the API's connection to a filled database in which the tests change nothing."""
    async with _filled(shared_client) as database:
        yield database


async def _counts(database: Database, tables: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for table in tables:
        async with database.transaction() as connection:
            row = await (await connection.execute(f"SELECT count(*) AS rows FROM {table}")).fetchone()  # type: ignore[arg-type]
            found[table] = row["rows"] if row else -1
    return found


async def test_the_api_sees_nothing_until_its_transaction_names_a_pharmacy(api: Database) -> None:
    assert set((await _counts(api, OF_PHARMACIES + OF_THE_OPERATOR)).values()) == {0}


async def test_the_api_sees_the_rows_of_the_named_pharmacy_and_no_others(api: Database, client: Client) -> None:
    own = await _counts(api.for_tenants(TenantContext(cnpjs=(CNPJ,))), OF_PHARMACIES)
    every = await _counts(client.hub.database, OF_PHARMACIES)
    assert {table: 2 * rows for table, rows in own.items()} == every
    assert set((await _counts(api.for_tenants(TenantContext(cnpjs=(CNPJ,))), OF_THE_OPERATOR)).values()) == {0}
    nobody = await _counts(api.for_tenants(TenantContext(cnpjs=("11222333000181",))), OF_PHARMACIES)
    assert set(nobody.values()) == {0}


async def test_the_operators_transactions_see_every_row(api: Database, client: Client) -> None:
    tables = OF_PHARMACIES + OF_THE_OPERATOR
    found = await _counts(api.for_tenants(ALL_TENANTS), tables)
    assert found == await _counts(client.hub.database, tables)
    assert 0 not in found.values()


async def test_what_one_transaction_named_the_next_does_not_see(api: Database) -> None:
    for reach in (ALL_TENANTS, TenantContext(cnpjs=(CNPJ,)), TenantContext(ids=(1, 2))):
        async with api.for_tenants(reach).transaction():
            pass
        assert set((await _counts(api, OF_PHARMACIES + OF_THE_OPERATOR)).values()) == {0}


@SHARED
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE batches SET status = 'FAILED' WHERE pharmacy_id = %(id)s",
        "UPDATE pharmacies SET name = 'mine' WHERE id = %(id)s",
        "UPDATE pharmacy_turns SET last_seq = 0 WHERE pharmacy_id = %(id)s",
        "UPDATE batch_chunks SET status = 'PENDING' WHERE records >= 0"
        " AND batch_id NOT IN (SELECT id FROM batches WHERE pharmacy_id <> %(id)s)",
        "UPDATE webhook_endpoints SET url = 'mine' WHERE pharmacy_id = %(id)s",
        "UPDATE webhook_deliveries SET attempts = 1"
        " WHERE endpoint_id NOT IN (SELECT id FROM webhook_endpoints WHERE pharmacy_id <> %(id)s)",
        "UPDATE api_keys SET revoked_at = NULL",
        "UPDATE dead_letters SET settled_at = now()",
    ],
)
async def test_the_api_changes_no_row_of_another_pharmacy(
    shared_api: Database, shared_client: Client, statement: Any
) -> None:
    async with shared_client.hub.database.transaction() as connection:
        row = await (await connection.execute("SELECT id FROM pharmacies WHERE cnpj = %s", [OTHER])).fetchone()
    async with shared_api.for_tenants(TenantContext(cnpjs=(CNPJ,))).transaction() as connection:
        assert (await connection.execute(statement, row)).rowcount == 0


async def test_the_api_adds_no_row_to_another_pharmacy(api: Database, client: Client) -> None:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute("SELECT id FROM pharmacies WHERE cnpj = %s", [OTHER])).fetchone()
    for statement in (
        "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256)"
        " VALUES (gen_random_uuid(), %(id)s, 99, 'full', 1, '')",
        "INSERT INTO pharmacies (cnpj, name) VALUES ('11222333000181', 'x')",
        "INSERT INTO pharmacy_turns (pharmacy_id, last_seq) VALUES (99, 7)",
        "INSERT INTO audit_log (actor, action, subject) VALUES ('', '', '')",
        "INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, sealed_secret)"
        " VALUES ('pharmacy', %(id)s, '', '', '{webhook.test}', '')",
        "INSERT INTO webhook_deliveries (endpoint_id, event, next_attempt_at)"
        " VALUES (gen_random_uuid(), 'webhook.test', now())",
    ):
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            async with api.for_tenants(TenantContext(cnpjs=(CNPJ,))).transaction() as connection:
                await connection.execute(statement, row)  # type: ignore[arg-type]


@SHARED
@pytest.mark.parametrize("table", [*OF_PHARMACIES, *OF_THE_OPERATOR, *OF_THE_CONSOLE, *OF_WORKERS, *PUBLIC])
async def test_the_api_deletes_nothing(shared_api: Database, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"DROP TABLE {table}"):
        with pytest.raises(InsufficientPrivilege):
            async with shared_api.for_tenants(ALL_TENANTS).transaction() as connection:
                await connection.execute(statement)  # type: ignore[arg-type]


async def test_an_ended_entry_of_the_audit_log_is_closed_to_the_api_too(api: Database) -> None:
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        async with api.for_tenants(ALL_TENANTS).transaction() as connection:
            await connection.execute(
                "INSERT INTO audit_log (actor, action, subject, outcome) VALUES ('', '', '', 'done')"
            )
    async with api.for_tenants(ALL_TENANTS).transaction() as connection:
        assert (await connection.execute("UPDATE audit_log SET outcome = 'x'")).rowcount == 0
    with pytest.raises(InsufficientPrivilege):
        async with api.for_tenants(ALL_TENANTS).transaction() as connection:
            await connection.execute("UPDATE audit_log SET actor = 'somebody else'")


async def test_workers_know_no_keys_and_no_audit_log(api: Database, database_url: str) -> None:
    worker = Database(url_as(database_url, DatabaseRole.WORKER), size=2, role=DatabaseRole.WORKER)
    await worker.open()
    try:
        for table in ("api_keys", "audit_log", "rate_windows"):
            with pytest.raises(InsufficientPrivilege):
                await _counts(worker, (table,))
        assert 0 not in (await _counts(worker, OF_PHARMACIES)).values()
        for secret in ("sealed_secret", "old_sealed_secret"):
            with pytest.raises(InsufficientPrivilege):
                async with worker.transaction() as connection:
                    await connection.execute(f"SELECT {secret} FROM webhook_endpoints")  # type: ignore[arg-type]
    finally:
        await worker.close()


async def test_the_sender_of_webhooks_reads_their_secrets_and_writes_no_data_of_clients(
    api: Database, database_url: str
) -> None:
    sender = Database(url_as(database_url, DatabaseRole.NOTIFY), size=1, role=DatabaseRole.NOTIFY)
    await sender.open()
    try:
        async with sender.transaction() as connection:
            rows = await (await connection.execute("SELECT sealed_secret FROM webhook_endpoints")).fetchall()
        assert len(rows) == 2
        for statement in (
            "SELECT hash FROM api_keys",
            "SELECT FROM products",
            "SELECT FROM audit_log",
            "UPDATE batches SET status = 'FAILED'",
            "UPDATE pharmacies SET name = ''",
        ):
            with pytest.raises(InsufficientPrivilege):
                async with sender.transaction() as connection:
                    await connection.execute(statement)  # type: ignore[arg-type]
    finally:
        await sender.close()


async def test_a_key_and_a_pharmacy_see_their_own_webhook_endpoint_and_not_each_others(
    api: Database, client: Client
) -> None:
    async with client.hub.database.transaction() as connection:
        key = await (await connection.execute("SELECT id FROM api_keys WHERE tenants = 'all'")).fetchone()
        assert key
        await connection.execute(
            "INSERT INTO webhook_endpoints (owner, key_id, pharmacy_id, url, host, events, sealed_secret)"
            " SELECT 'key', %(id)s, p.id, 'https://vendor', '', '{batch.completed}', '' FROM pharmacies p LIMIT 1",
            key,
        )
    query = "SELECT url FROM webhook_endpoints"
    async with api.for_tenants(TenantContext(key_family=key["id"])).transaction() as connection:
        assert [row["url"] for row in await (await connection.execute(query)).fetchall()] == ["https://vendor"]
    async with api.for_tenants(TenantContext(cnpjs=(CNPJ, OTHER))).transaction() as connection:
        assert [row["url"] for row in await (await connection.execute(query)).fetchall()] == ["", ""]


async def test_a_search_under_row_security_walks_the_pharmacys_index(api: Database) -> None:
    async with api.for_tenants(TenantContext(cnpjs=(CNPJ,))).transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        cursor = await connection.execute(
            "EXPLAIN SELECT * FROM products WHERE pharmacy_id = 1 AND unaccent(lower(title)) LIKE '%x%'"
        )
        plan = "\n".join(row["QUERY PLAN"] for row in await cursor.fetchall())
    assert "Index Cond: (pharmacy_id = '1'::bigint)" in plan or "Index Cond: (pharmacy_id = 1)" in plan, plan
