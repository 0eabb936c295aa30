"""Plans of the reads of products, in the API's role: each finds its rows by an index."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from integrahub.db.database import Connection, Database
from integrahub.db.products import search
from integrahub.db.products.rows import ProductFilters
from integrahub.db.products.search import SORTS, PageRequest
from integrahub.db.queries import load_queries
from integrahub.db.tenancy import DatabaseRole, TenantContext

_SEARCH = load_queries("integrahub.db.products.search")
_FEED = load_queries("integrahub.db.changes.feed")
_HISTORY = load_queries("integrahub.db.changes.history")
_PHARMACY = 7
_FILL = (
    "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'P' FROM generate_series(1, 20) n",
    "INSERT INTO pharmacy_turns (pharmacy_id, last_seq) SELECT n, 20 FROM generate_series(1, 20) n",
    """INSERT INTO products (pharmacy_id, product_id, batch_id, title, description, price, is_active)
      SELECT f, p, gen_random_uuid(), 'Água ' || p, 'description ' || p, p, p % 10 > 0
      FROM generate_series(1, 20) f, generate_series(1, 400) p""",
    """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, finished_at)
      SELECT gen_random_uuid(), f, s, 'delta', 1, '', 'COMPLETED', now()
      FROM generate_series(1, 20) f, generate_series(1, 20) s""",
    """INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, stock_only, fields, at)
      SELECT b.pharmacy_id, b.received_seq, p, b.id, 'updated', p % 3 = 0, '{}', now() - make_interval(days => p % 5)
      FROM batches b, generate_series(1, 100) p""",
    "VACUUM ANALYZE product_changes, batch_chunks",
    "VACUUM ANALYZE products, pharmacies, pharmacy_turns, batches",
)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """Yield a connection in the API's role that sees one of twenty pharmacies."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        for statement in _FILL:
            owner.execute(statement)
    reads = Database(database_url, role=DatabaseRole.API)
    await reads.open()
    async with reads.for_tenants(TenantContext(ids=(_PHARMACY,))).transaction() as connection:
        yield connection
    await reads.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


async def _explain(connection: Connection, statement: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", {"pharmacy_id": _PHARMACY} | params)
    row: Any = await cursor.fetchone()
    plan = row[0] if isinstance(row, tuple) else next(iter(row.values()))
    return list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the indexes of a plan that reads no table of many pharmacies as a whole."""
    whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert whole <= {"pharmacies", "pharmacy_turns"}, whole
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def _search_params(filters: ProductFilters, sort: str) -> dict[str, Any]:
    named = {name: getattr(filters, name) for name in ProductFilters.__struct_fields__}
    page = {"limit": 40, "offset": 0, "after": None, "after_id": 0, "by_title": sort == "title", "most": 50}
    return named | page | {"settled_until": None}


async def test_a_search_reads_the_rows_of_its_pharmacy_by_the_primary_key(connection: Connection) -> None:
    for filters in (ProductFilters(), ProductFilters(q="%agua%"), ProductFilters(category="x", in_stock=True)):
        for sort, most in itertools.product(SORTS, (None, 50)):
            statement = search._page_statement(filters, PageRequest(sort, 40, most=most))
            nodes = await _explain(connection, statement, _search_params(filters, sort))
            assert "products_pkey" in _indexes(nodes), (filters, sort)


async def test_a_search_reads_each_product_once_and_folds_none(connection: Connection) -> None:
    filters = ProductFilters(q="%agua%")
    page = PageRequest("-updated", 40)
    nodes = await _explain(connection, search._page_statement(filters, page), _search_params(filters, "-updated"))
    scans = [
        node for node in nodes if node.get("Relation Name") == "products" and "search_text" in node.get("Filter", "")
    ]
    assert len(scans) == 1
    assert "unaccent" not in scans[0]["Filter"] and "fold_text(" not in scans[0]["Filter"]


async def test_a_search_with_a_limit_reads_the_primary_key_in_its_order(connection: Connection) -> None:
    await connection.execute(_SEARCH["force_index_scan"])
    filters, page = ProductFilters(q="%agua%"), PageRequest("-updated", 40, most=50)
    nodes = await _explain(connection, search._page_statement(filters, page), _search_params(filters, "-updated"))
    limit = next(node for node in nodes if node.get("Subplan Name") == "CTE matching")
    assert limit["Node Type"] == "Limit" and "products_pkey" in {plan.get("Index Name") for plan in limit["Plans"]}


async def test_all_products_are_counted_by_indexes_alone(connection: Connection) -> None:
    nodes = await _explain(connection, _SEARCH["count_all"], {"include_inactive": False})
    assert {node["Node Type"] for node in nodes if "Relation Name" in node} == {"Index Only Scan"}
    assert _indexes(nodes) == {"products_pkey", "products_inactive"}
    bounded = await _explain(connection, _SEARCH["count_up_to"], {"include_inactive": False, "most": 50})
    assert "Limit" in {node["Node Type"] for node in bounded} and _indexes(bounded) == {"products_pkey"}


async def test_a_product_is_found_by_the_primary_key(connection: Connection) -> None:
    nodes = await _explain(connection, f"{_SEARCH['select']} {_SEARCH['by_id']}", {"product_id": 5})
    assert _indexes(nodes) >= {"products_pkey"}


async def test_the_version_of_a_catalogue_is_read_by_indexes(connection: Connection) -> None:
    assert _indexes(await _explain(connection, _SEARCH["version"], {})) >= {"batches_unfinished"}


async def test_the_feed_reads_changes_in_their_order_by_an_index(connection: Connection) -> None:
    params = {"seq": 5, "product_id": 50, "ended": 18, "days": 7, "limit": 100}
    nodes = await _explain(connection, _FEED["changes"], params)
    indexes = _indexes(nodes)
    assert indexes and all(name.endswith("pharmacy_id_seq_product_id_idx") for name in indexes), indexes
    assert "Sort" not in {node["Node Type"] for node in nodes}


async def test_the_feed_finds_turns_and_products_by_indexes(connection: Connection) -> None:
    assert _indexes(await _explain(connection, _FEED["ended_turn"], {"seq": 5})) >= {"batches_unfinished"}
    assert "products_pkey" in _indexes(await _explain(connection, _FEED["catalogue"], {"after": 9, "limit": 100}))
    assert "products_pkey" in _indexes(await _explain(connection, _FEED["products"], {"ids": [1, 5, 9]}))
    turn = await _explain(connection, _FEED["turn_age"], {"first": 9, "last": 12, "days": 7})
    assert _indexes(turn) == {"batches_pharmacy_id_received_seq_key"}


async def test_the_history_of_a_product_is_read_by_an_index(connection: Connection) -> None:
    # The tables are small, so only this shows whether an index could be used.
    await connection.execute("SET LOCAL enable_seqscan = off")
    nodes = await _explain(connection, _HISTORY["history"], {"product_id": 50, "before": 1000, "limit": 20})
    indexes = _indexes(nodes)
    of_changes = {name for name in indexes if name.startswith("product_changes")}
    assert of_changes and all(
        "pharmacy_id_product_id_seq_idx" in name or "seq_product_id" in name for name in of_changes
    )
    assert indexes >= {"batch_chunks_pkey", "batches_pkey"}
