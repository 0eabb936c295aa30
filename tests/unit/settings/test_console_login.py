"""The console on the API's port keeps its own login when credentials are read again."""

import pytest

from integrahub.hub.credentials import read_credentials
from integrahub.settings.model import Settings

API, CONSOLE, NEW = (f"postgresql://{name}@host/integrahub" for name in ("api", "console", "console:new"))


def test_it_takes_the_new_login_of_the_console_not_that_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Settings(database_url=CONSOLE, console_database_url=CONSOLE)
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", API)
    monkeypatch.setenv("INTEGRAHUB_CONSOLE_DATABASE_URL", NEW)
    renewed = read_credentials(own)
    assert (renewed.database_url, renewed.console_database_url) == (NEW, NEW)


def test_the_api_itself_takes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", API)
    own = Settings(database_url="postgresql://old@host/integrahub", console_database_url=CONSOLE)
    assert read_credentials(own).database_url == API
