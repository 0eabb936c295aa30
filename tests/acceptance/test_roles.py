"""`integrahub up` gives each process its own role in PostgreSQL."""

import asyncio
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from integrahub.db.embedded.server import EmbeddedPostgres
from tests.acceptance.conftest import Installation


def test_the_api_and_the_workers_log_in_as_what_they_are(hub: Installation) -> None:
    url = asyncio.run(EmbeddedPostgres(hub.folder / "kept" / "postgres").url_of_running())
    assert url
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT application_name, usename FROM pg_stat_activity WHERE application_name LIKE 'integrahub %'"
        ).fetchall()
    assert ("integrahub api", "integrahub_api") in rows
    assert ("integrahub notify", "integrahub_notify") in rows
    assert ("integrahub console", "integrahub_console") in rows
    named = ("integrahub api", "integrahub notify", "integrahub console")
    others = {user for name, user in rows if name not in named}
    assert others == {"integrahub_worker"}


def _environments(hub: Installation) -> dict[str, dict[str, str]]:
    """Return the environment of one process per step."""
    found = {}
    for worker in hub.processes():
        pairs = Path(f"/proc/{worker['pid']}/environ").read_bytes().decode().split("\0")
        found[worker["step"]] = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return found


def test_each_process_is_given_the_secrets_of_its_role_alone(installation: Installation) -> None:
    secrets = {"KEY_PEPPER": "a-pepper-of-thirty-characters!", "VALID_API_KEYS": "a-vendors-key-of-some-length"}
    installation.settings |= secrets | {"POSTGRES_PASSWORD": "the-owners-own-password"}
    installation.start()
    found = _environments(installation)
    for step, environment in found.items():
        keys = {"ADMIN_API_KEY", *secrets} & {name.removeprefix("INTEGRAHUB_") for name in environment}
        given = {"api": {"ADMIN_API_KEY", *secrets}, "notify": {"KEY_PEPPER"}}
        assert keys == given.get(step, set()), step
        assert "the-owners-own-password" not in environment.values()
        login = urlsplit(environment["INTEGRAHUB_DATABASE_URL"])
        assert login.username == f"integrahub_{step if step in given else 'worker'}"
    assert set(found) == {"api", "split", "upsert", "finish", "notify"}
    passwords = {urlsplit(environment["INTEGRAHUB_DATABASE_URL"]).password for environment in found.values()}
    assert len(passwords) == 3


@pytest.fixture(scope="module")
def worker_url(hub: Installation) -> str:
    """Return the database URL of a worker, with its credentials."""
    return _environments(hub)["upsert"]["INTEGRAHUB_DATABASE_URL"]


@pytest.mark.parametrize(
    "statement",
    [
        "COPY batches FROM PROGRAM 'id'",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "SELECT * FROM api_keys",
        "UPDATE api_keys SET scopes = '{admin}'",
        "SET ROLE integrahub",
        "SET ROLE integrahub_api",
        "SET SESSION AUTHORIZATION integrahub",
        "ALTER ROLE integrahub_worker SUPERUSER",
        "CREATE TABLE mine (a int)",
        "ALTER SYSTEM SET log_statement = 'all'",
    ],
)
def test_the_login_of_a_worker_does_none_of_what_the_owner_may(worker_url: str, statement: LiteralString) -> None:
    with psycopg.connect(worker_url, autocommit=True) as connection:
        connection.execute("SET ROLE NONE")  # what puts off a role that is only taken
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement)
