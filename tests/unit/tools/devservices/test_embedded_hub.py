"""A temporary hub serves as many connections of one address as a load test opens."""

import pytest

from integrahub.settings.model import Settings
from integrahub.tools.devservices.embedded_hub import build_environment


def test_one_address_may_open_all_connections_of_a_load_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAHUB_MAX_CONNECTIONS", "10")  # of another hub
    for name, value in build_environment("key", {}).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.max_connections >= 20_000 and settings.max_connections_per_address >= 20_000
