"""Hub in this process with a client of one pharmacy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key="an-admin-key-for-tests")
    settings = settings.model_copy(update={"rate_limit": "off"})
    async with running(settings, list(STEPS)) as made:
        made.key = (await made.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield made
