"""A hub with its console per test: `console`, with every step and the key of one pharmacy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrahub.settings.model import Settings
from tests.console.hub import ConsoleHub, running_console
from tests.integration.conftest import ADMIN, CNPJ


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, chunk_size=50, read_rate_limit="off"
    )


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[ConsoleHub]:
    """Yield a hub with every step; its integrator has the key of one pharmacy."""
    async with running_console(settings) as console:
        console.api.key = (await console.api.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield console
