"""Migrations of a table of ten million products: no statement of the hub waits for a second."""

import asyncio
import os
from collections.abc import Iterator
from time import monotonic

import psycopg
import pytest

from integrahub.db.connections import connect
from integrahub.db.schema import pending, version
from integrahub.db.schema.migrate import migrate
from integrahub.db.schema.scripts import Script, migrations, repeatable_scripts
from tests.conftest import Server

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
ROWS = int(os.environ.get("IHUB_ROWS", 10_000_000))
MAX_SECONDS = 1.0
_FILL = """
INSERT INTO products (pharmacy_id, product_id, batch_id, title)
SELECT n %% 100 + 1, n / 100, '019ad000-0000-7000-8000-000000000000', 'DIPIRONA SODICA 500MG C/10 COMPRIMIDOS'
FROM generate_series(0, %s - 1) n
"""
_KINDS = [  # what a release may do to a large table
    Script(
        "0097_column.sql",
        "-- expand\nALTER TABLE products ADD COLUMN shelf text, ADD COLUMN rank int DEFAULT 0",
        "expand",
    ),
    Script(
        "0098_index.sql",
        "-- expand\n-- concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS products_ranks ON products (rank)",
        "expand",
    ),
    Script(
        "0099_rule.sql",
        "-- expand\nALTER TABLE products ADD CONSTRAINT products_rank CHECK (rank >= 0) NOT VALID",
        "expand",
    ),
    Script("0100_check.sql", "-- expand\nALTER TABLE products VALIDATE CONSTRAINT products_rank", "expand"),
]


@pytest.fixture
def large_url(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a database of the version before, with many products."""
    postgres.execute("CREATE DATABASE {}", "large")
    url = postgres.url_of("large")
    released = [script for script in migrations() if script.name < "0014"]
    with monkeypatch.context() as patch:
        for module in (pending, version):
            patch.setattr(module, "migrations", lambda: released)
        functions = [script for script in repeatable_scripts() if script.name.startswith("functions")]
        patch.setattr(pending, "repeatable_scripts", lambda: functions)  # the others name columns that come later
        asyncio.run(migrate(url))
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL, [ROWS])
            connection.execute("VACUUM ANALYZE products")
        yield url
    finally:
        postgres.execute("DROP DATABASE {} WITH (FORCE)", "large")


async def _measure(url: str, statement: str, done: asyncio.Event) -> float:
    """Return the longest time that a statement took until `done`."""
    longest = 0.0
    async with await connect(url, autocommit=True) as connection:
        while not done.is_set():
            started = monotonic()
            await connection.execute(statement.encode())
            longest = max(longest, monotonic() - started)
            await asyncio.sleep(0.01)
    return longest


def test_no_statement_waits_for_a_second(large_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pending, version):
        monkeypatch.setattr(module, "migrations", lambda: [*migrations(), *_KINDS])

    async def run() -> list[float]:
        done = asyncio.Event()
        reads = "SELECT count(*) FROM products WHERE pharmacy_id = 7 AND product_id < 10"
        writes = "UPDATE products SET title = title WHERE pharmacy_id = 8 AND product_id < 10"
        measuring = [asyncio.create_task(_measure(large_url, one, done)) for one in (reads, writes)]
        started = monotonic()
        applied = await migrate(large_url)
        done.set()
        longest = await asyncio.gather(*measuring)
        print(f"{ROWS} products: {len(applied)} scripts in {monotonic() - started:.1f} s, longest waits {longest}")
        return longest

    assert max(asyncio.run(run())) < MAX_SECONDS
