"""Environments of processes."""

import pytest

from integrahub.db.tenancy import DatabaseRole
from integrahub.settings.model import Settings
from integrahub.supervisor.process_specs import build_environment

_SECRETS = ("KEY_PEPPER", "ADMIN_API_KEY", "VALID_API_KEYS", "RECEIPT_KEY", "POSTGRES_PASSWORD")


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        (DatabaseRole.API, {"KEY_PEPPER", "ADMIN_API_KEY", "VALID_API_KEYS", "RECEIPT_KEY"}),
        (DatabaseRole.WORKER, set()),
        (DatabaseRole.NOTIFY, {"KEY_PEPPER"}),
        (DatabaseRole.CONSOLE, {"KEY_PEPPER"}),
    ],
)
def test_a_process_gets_the_secrets_that_its_role_needs_and_no_others(
    monkeypatch: pytest.MonkeyPatch, role: DatabaseRole, kept: set[str]
) -> None:
    for name in _SECRETS:
        monkeypatch.setenv(f"INTEGRAHUB_{name}", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    environment = build_environment(Settings(), role, None, 1)
    assert {name for name in _SECRETS if f"INTEGRAHUB_{name}" in environment} == kept


def test_processes_get_the_public_url_if_there_is_one() -> None:
    for url in ("https://hub.example", None):
        environment = build_environment(Settings(public_url=url), DatabaseRole.API, None, 1)
        assert environment.get("INTEGRAHUB_PUBLIC_URL") == url
