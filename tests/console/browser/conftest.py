"""Chromium and a filled hub, shared by the tests of this folder; Playwright's loop ends with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from integrahub.settings.model import Settings
from tests.conftest import Server
from tests.console.browser.chromium import find_chromium
from tests.console.live_hub import LiveHub, live_hub
from tests.integration.conftest import ADMIN


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(
        database_url=url, data_dir=folder, admin_api_key=ADMIN, chunk_size=50, read_rate_limit="off", rate_limit="off"
    )


@pytest.fixture(scope="package")
def filled(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    """Yield a filled hub for tests that change nothing that others look at."""
    name = f"console_{next(postgres.numbers)}"
    postgres.create_database(name)
    with live_hub(settings_of(postgres.url_of(name), tmp_path_factory.mktemp("hub"))) as hub:
        yield hub
    postgres.drop_database(name)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=["--no-sandbox"])
        yield browser
        browser.close()
