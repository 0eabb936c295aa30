"""`integrahub up` gives each of its processes the role in PostgreSQL that is its own."""

import asyncio

import psycopg

from integrahub.db.embedded import EmbeddedPostgres
from tests.acceptance.conftest import Installation


def test_the_api_and_the_workers_log_in_as_what_they_are(hub: Installation) -> None:
    url = asyncio.run(EmbeddedPostgres(hub.folder / "kept" / "postgres").url_of_running())
    assert url
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT application_name, usename FROM pg_stat_activity WHERE application_name LIKE 'integrahub %'"
        ).fetchall()
    assert ("integrahub api", "integrahub_api") in rows
    assert {user for name, user in rows if name != "integrahub api"} == {"integrahub_worker"}
