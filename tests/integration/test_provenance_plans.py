"""Plans of the search for a product's batches: nothing is read as a whole that holds other pharmacies' rows."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from tests.integration.test_read_plans import _explain, _indexes

_SQL = load_queries("integrahub.db.console.provenance")
_PARAMS: dict[str, Any] = {"product_id": 7, "product": "7", "ean": "789", "first_seq": 1, "last_seq": 200, "limit": 50}
_FILL = (
    "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'P' FROM generate_series(1, 20) n",
    """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, finished_at, items_total,
      chunks_total, rejected)
      SELECT gen_random_uuid(), f, s, 'delta', 1, '', 'PARTIAL_FAIL', now(), 40, 2, 5
      FROM generate_series(1, 20) f, generate_series(1, 100) s""",
    """INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes, status, first_position, started_at,
      finished_at)
      SELECT b.id, n, 'body', 20, ARRAY(SELECT generate_series(1, 20)), '{}', 'COMPLETED', 0, now(), now()
      FROM batches b, generate_series(0, 1) n""",
    """INSERT INTO record_issues (batch_id, chunk, position, byte_offset, severity, product_id, code, ean)
      SELECT b.id, 0, n, n, 'rejected', n, 'title_missing', '78' || n FROM batches b, generate_series(1, 5) n""",
    """INSERT INTO api_keys (hash, hint, tenants) SELECT uuid_send(gen_random_uuid()), 'ihk', 'all'
      FROM generate_series(1, 3000)""",
    "VACUUM ANALYZE batches, batch_chunks, record_issues, api_keys",
)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a hub with 20 pharmacies, 2000 batches and 10,000 rejected records."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        for statement in _FILL:
            owner.execute(statement)
    reads = Database(database_url)
    await reads.open()
    async with reads.transaction() as connection:
        yield connection
    await reads.close()


async def test_the_window_is_the_newest_batches_by_number(connection: Connection) -> None:
    params = {"before": 150, "max_batches": 20, "max_records": 1000}
    assert _indexes(await _explain(connection, _SQL["window"], params)) == {"batches_pharmacy_id_received_seq_key"}


async def test_sightings_are_read_batch_by_batch(connection: Connection) -> None:
    indexes = _indexes(await _explain(connection, _SQL["sightings"], _PARAMS))
    assert indexes - {"api_keys_pkey"} == {"batches_pharmacy_id_received_seq_key", "batch_chunks_pkey"}


async def test_refusals_are_found_by_product_and_by_ean(connection: Connection) -> None:
    indexes = _indexes(await _explain(connection, _SQL["refusals"], _PARAMS))
    assert indexes >= {"record_issues_product", "record_issues_ean"}
    assert "record_issues_batch" not in indexes


async def test_issues_sources_and_records_are_found_by_indexes(connection: Connection) -> None:
    cursor = await connection.execute("SELECT id FROM batches LIMIT 3")
    ids = [UUID(str(next(iter(row.values())))) for row in await cursor.fetchall()]  # type: ignore[attr-defined]
    issues = _indexes(await _explain(connection, _SQL["issues"], _PARAMS | {"batches": ids}))
    assert issues == {"record_issues_product"}
    times = {"batches": ids, "times": ["2026-01-01T00:00:00Z"] * 3}
    sources = _indexes(await _explain(connection, _SQL["change_sources"], _PARAMS | times))
    assert sources >= {"batches_pkey", "batch_chunks_pkey"}
    records = _indexes(await _explain(connection, _SQL["record_places"], _PARAMS | {"batch_id": ids[0]}))
    assert records >= {"batches_pkey", "batch_chunks_pkey"}


async def test_changes_of_a_product_are_found_by_indexes(connection: Connection) -> None:
    await connection.execute("SET LOCAL enable_seqscan = off")
    for block, params in (
        ("value_changes", {"limit": 200, "stock_limit": 5}),
        ("changes_of_batches", {"seqs": [1, 2], "since": "2026-01-01T00:00:00Z"}),
    ):
        indexes = _indexes(await _explain(connection, _SQL[block], _PARAMS | params))
        assert any(name.startswith("product_changes") for name in indexes), block
