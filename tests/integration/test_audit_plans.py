"""Plans of the audit log's pages: each filter finds its rows by an index, in the console's role."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from integrahub.db.accounts.audit_log import AuditFilters
from integrahub.db.database import Connection, Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.queries import load_queries
from integrahub.db.tenancy import DatabaseRole
from tests.conftest import Server
from tests.filled_databases import filled_database

_SQL = load_queries("integrahub.db.accounts.audit_log")
_FILL = (
    """INSERT INTO audit_log (actor, user_id, address, action, subject, outcome, at)
      SELECT 'Ana ' || n % 500, n % 500, '10.0.0.1', 'act.' || n % 400, 'subject ' || n % 3000, 'done',
        now() - make_interval(mins => 60000 - n)
      FROM generate_series(1, 60000) n""",
    "VACUUM ANALYZE audit_log",
)


@pytest.fixture(scope="module")
def filled_url(postgres: Server) -> Iterator[str]:
    """Yield the URL of a filled database, which the tests only read."""
    with filled_database(postgres, _FILL) as name:
        yield postgres.url_of(name)


@pytest.fixture
async def connection(filled_url: str) -> AsyncIterator[Connection]:
    console = Database(url_as(filled_url, DatabaseRole.CONSOLE), role=DatabaseRole.CONSOLE)
    await console.open()
    async with console.transaction() as connection:
        yield connection
    await console.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (AuditFilters(), "audit_log_pkey"),
        (AuditFilters(actor="Ana 7"), "audit_log_actor"),
        (AuditFilters(action="act.7"), "audit_log_action"),
        (AuditFilters(subject="subject 7"), "audit_log_subject"),
        (AuditFilters(user_id=7), "audit_log_user"),
        (AuditFilters(actor="nobody", since=datetime.now(UTC) - timedelta(days=9)), "audit_log_actor"),
        (AuditFilters(since=datetime.now(UTC) - timedelta(minutes=20)), "audit_log_at"),
    ],
)
async def test_a_page_of_the_audit_log_is_found_by_an_index(
    connection: Connection, filters: AuditFilters, index: str
) -> None:
    params = {**msgspec.structs.asdict(filters), "after_id": 50_000 if index == "audit_log_pkey" else None, "limit": 50}
    await connection.execute(_SQL["plan_for_values"])
    for _ in range(7):  # after five runs PostgreSQL might choose a plan without values
        cursor = await connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_SQL['search']}", params)
    row: Any = await cursor.fetchone()
    plan = next(iter(row.values()))
    nodes = list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    assert [node["Index Name"] for node in nodes if "Index Name" in node] == [index]
    assert sum(node.get("Rows Removed by Filter", 0) for node in nodes) < 100
