"""Plans of the console's reads of batches, decisions and searches: each finds its rows by an index."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString, get_args
from uuid import UUID

import pytest

from integrahub.db.console import batches, decisions
from integrahub.db.console.batches import ListFilter, ListPage
from integrahub.db.console.decisions import ProductSort
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.domain.batches import BatchStatus
from integrahub.domain.ids import expand_id_prefix
from tests.conftest import Server
from tests.filled_databases import filled_database

_BATCHES = load_queries("integrahub.db.console.batches")
_DECISIONS = load_queries("integrahub.db.console.decisions")
_SEARCH = load_queries("integrahub.db.console.search")
_ID = UUID("019ca8a2-0000-7000-8000-000000000007")
_START = datetime(2026, 11, 26, 12, tzinfo=UTC)
_FILL = (
    "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'P' || n FROM generate_series(1, 100) n",
    """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, received_at, finished_at,
        error_code, deactivation_state)
      SELECT ('019ca8a2-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1 + n % 100, 1 + n / 100, 'delta', 1, '',
        CASE WHEN n % 500 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, start + make_interval(secs => n), start,
        CASE WHEN n % 500 = 0 THEN 'body_truncated' END, CASE WHEN n % 5000 = 1 THEN 'held' ELSE 'none' END
      FROM generate_series(1, 20000) n, (SELECT '2026-11-26 12:00Z'::timestamptz AS start) s""",
    """INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes)
      SELECT id, n, 'x', 1, '{1}', '{1}' FROM batches, generate_series(0, 1) n""",
    """INSERT INTO record_issues (batch_id, chunk, position, byte_offset, severity, product_id, field, code, value)
      SELECT id, 0, n, 0, 'warning', '', 'PRICE', 'price_invalid', '' FROM batches, generate_series(1, 3) n""",
    """INSERT INTO products (pharmacy_id, product_id, batch_id, title, ean)
      SELECT f, p, gen_random_uuid(), 'T', lpad(p::text, 13, '7') FROM generate_series(1, 100) f,
        generate_series(1, 200) p""",
    """INSERT INTO audit_log (actor, action, subject, address) SELECT 'a', 'batch.approve', n::text, ''
      FROM generate_series(1, 5000) n""",
    "VACUUM ANALYZE batches, batch_chunks, record_issues",
    "VACUUM ANALYZE products, pharmacies, audit_log",
)


@pytest.fixture(scope="module")
def filled_url(postgres: Server) -> Iterator[str]:
    """Yield the URL of a database of a hundred pharmacies with 20,000 batches, which the tests only read."""
    with filled_database(postgres, _FILL) as name:
        yield postgres.url_of(name)


@pytest.fixture
async def connection(filled_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to the filled database."""
    reads = Database(filled_url)
    await reads.open()
    async with reads.transaction() as connection:
        yield connection
    await reads.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


async def _explain(connection: Connection, statement: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", params)
    row: Any = await cursor.fetchone()
    plan = row[0] if isinstance(row, tuple) else next(iter(row.values()))
    return list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


async def _indexes(connection: Connection, statement: LiteralString, params: dict[str, Any]) -> set[str]:
    """Return the indexes of a plan that reads no large table as a whole."""
    nodes = await _explain(connection, statement, params)
    whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert whole <= {"pharmacies", "api_keys", "dead_letters", "failure_groups"}, whole
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def _list_params(filters: ListFilter, page: ListPage) -> dict[str, Any]:
    after, after_key, after_id = page.after or (None, None, None)
    top, top_id = page.top or (None, None)
    return filters.params() | {
        "top": top,
        "top_id": top_id,
        "limit": 51,
        "sort": page.sort,
        "latest": 100,
        "after": after,
        "after_key": after_key,
        "after_id": after_id,
    }


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (ListFilter(), "batches_received"),
        (ListFilter(since=_START), "batches_received"),
        (ListFilter(cnpj="00000000000007"), "batches_pharmacy_id_received_seq_key"),
        (ListFilter(name="p"), "batches_received"),
        (ListFilter(statuses=(BatchStatus.FAILED,)), "batches_status_created"),
        (ListFilter(error="body_truncated"), "batches_error"),
        (ListFilter(ids=expand_id_prefix("019ca8a2-0000-7000-8000-000000000007")), "batches_pkey"),
    ],
)
async def test_the_list_of_batches_finds_a_page_by_an_index(
    connection: Connection, filters: ListFilter, index: str
) -> None:
    for page in (
        ListPage(),
        ListPage(top=(_START, _ID)),
        ListPage(after=(_START, 0.0, _ID)),
        ListPage("received"),
    ):
        statement = batches.list_statement(filters, page)
        indexes = await _indexes(connection, statement, _list_params(filters, page))
        assert index in indexes or (index != "batches_received" and "batches_received" in indexes)
    first = await _indexes(connection, batches.list_statement(filters, ListPage()), _list_params(filters, ListPage()))
    assert index in first
    ranked = ListPage("duration")
    assert await _indexes(connection, batches.list_statement(filters, ranked), _list_params(filters, ranked))


async def test_batches_of_some_pharmacies_are_found_by_an_index(connection: Connection) -> None:
    filters = ListFilter(pharmacies=(7, 8))
    indexes = await _indexes(connection, batches.list_statement(filters, ListPage()), _list_params(filters, ListPage()))
    assert indexes & {"batches_pharmacy_id_received_seq_key", "batches_received"}


@pytest.mark.parametrize("filters", [ListFilter(), ListFilter(cnpj="00000000000007", error="body_truncated")])
async def test_counts_of_the_list_read_by_indexes(connection: Connection, filters: ListFilter) -> None:
    params = filters.params() | {"latest": 100, "top": _START, "top_id": _ID}
    for begin, end in (("totals", "totals_end"), ("newer", "newer_end")):
        statement = " ".join([_BATCHES[begin], *filters.blocks(), _BATCHES[end]])
        assert await _indexes(connection, statement, params), begin


async def test_the_page_of_a_batch_reads_by_indexes(connection: Connection) -> None:
    params = {"id": _ID, "pharmacy_id": 7, "received_seq": 50, "after": -1, "limit": 51, "number": 0}
    params |= {"only_troubled": True, "counted": 100, "searched": 100, "severity": None, "code": "x"}
    params |= {"after_field": "", "after_code": ""}
    expected = {
        "facts": "batches_pkey",
        "body": "batches_pkey",
        "neighbours": "batches_pharmacy_id_received_seq_key",
        "operations": "batches_operations",
        "chunks": "batch_chunks_pkey",
        "issue_counts": "record_issues_batch",
        "issues": "record_issues_batch",
        "place": "batch_chunks_pkey",
    }
    for block, index in expected.items():
        assert index in await _indexes(connection, _BATCHES[block], params), block


async def test_decisions_read_by_indexes(connection: Connection) -> None:
    params: dict[str, Any] = {"q": None, "pattern": None, "after": _START, "after_id": _ID, "limit": 51}
    assert "batches_held" in await _indexes(connection, _DECISIONS["held"], params)
    params = {"batch_id": _ID, "pharmacy_id": 7, "first": 100, "received_seq": 100, "received_at": _START}
    params |= {"subject": str(_ID)}
    assert "batches_pkey" in await _indexes(connection, _DECISIONS["decision"], params)
    for block in ("former_fulls", "replaced_by"):
        assert "batches_pharmacy_id_received_seq_key" in await _indexes(connection, _DECISIONS[block], params)
    assert "audit_log_subject" in await _indexes(connection, _DECISIONS["entries"], params)


_PRESENT = {"batches_pharmacy_id_received_seq_key", "batch_chunks_pkey"}  # find the products that the loads have
_JUDGED: dict[str, Any] = {"batch_id": _ID, "pharmacy_id": 7, "first": 100, "received_at": _START, "in_stock": True}
_JUDGED |= {"pattern": "%x%", "q": "x", "after_key": 0.0, "after_id": 7, "limit": 51}


async def test_the_evidence_is_counted_in_one_pass_over_the_products(connection: Connection) -> None:
    await connection.execute(load_queries("integrahub.db.batches.deactivation")["force_hash_antijoin"])
    evidence = f"{_DECISIONS['judged']} {_DECISIONS['evidence']}"
    assert _PRESENT | {"products_pkey"} <= await _indexes(connection, evidence, _JUDGED)
    nodes = await _explain(connection, evidence, _JUDGED)
    for table in ("products", "batches", "batch_chunks"):
        assert sum(node.get("Relation Name") == table for node in nodes) == 1, table
    chunks = next(node for node in nodes if node.get("Relation Name") == "batch_chunks")
    assert "batch_id" in chunks["Index Cond"]  # not the chunks of all batches


@pytest.mark.parametrize("sort", get_args(ProductSort))
async def test_a_page_of_products_that_would_go_reads_by_indexes(connection: Connection, sort: ProductSort) -> None:
    await connection.execute(decisions.plan_statement(sort))
    statement, params = decisions.page_statement(sort), _JUDGED | {"sort": sort}
    assert _PRESENT | {"products_pkey", "batches_pkey"} <= await _indexes(connection, statement, params)
    nodes = await _explain(connection, statement, params)
    products = next(node for node in nodes if node.get("Relation Name") == "products")
    page = next(node for node in nodes if node["Node Type"] == "Limit")
    if sort == "product_id":  # reads the primary key from the cursor to the end of the page
        assert "product_id" in products["Index Cond"] and page["Plans"][0]["Node Type"] == "Merge Join"
    else:
        assert sum(node["Node Type"] == "Hash Join" for node in nodes) == 1  # of what is present, and no other table


async def test_searches_over_all_pharmacies_read_by_indexes(connection: Connection) -> None:
    params = {"first": _ID, "last": _ID, "limit": 20, "product_id": 7, "ean": "7777777777007", "codes": ["x"]}
    assert "batches_pkey" in await _indexes(connection, _SEARCH["batches"], params)
    assert "products_pkey" in await _indexes(connection, _SEARCH["products_by_id"], params)
    assert "products_short_ean" in await _indexes(connection, _SEARCH["products_by_ean"], params)
    assert "batches_error" in await _indexes(connection, _SEARCH["failed"], params)
    params |= {"latest": 100, "pattern": "%x%", "text": "x", "prefix": "0000%"}
    assert "batches_received" in await _indexes(connection, _SEARCH["batches_by_suffix"], params)
    for block in ("causes", "pharmacies"):  # a row per cause, and one per pharmacy
        await _indexes(connection, _SEARCH[block], params)
