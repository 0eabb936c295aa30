"""A hub in this process with a client of one pharmacy, and a PostgreSQL that may be frozen."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from integrahub.db.migrations import migrate
from integrahub.settings import Settings
from integrahub.worker import STEPS
from tests.conftest import Server, embedded_postgres
from tests.faults.freezing import postmaster
from tests.integration.conftest import CNPJ, Client, running


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key="an-admin-key-for-tests")
    settings = settings.model_copy(update={"rate_limit": "off"})
    async with running(settings, list(STEPS)) as made:
        made.key = (await made.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield made


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[tuple[int, str]]:
    """A PostgreSQL with our schema that may be frozen: its process id and its URL."""
    with embedded_postgres("ihub-frozen-") as (folder, url):
        asyncio.run(migrate(url))
        Server(url).execute("CREATE TABLE kept (n integer PRIMARY KEY)")
        yield postmaster(folder), url
