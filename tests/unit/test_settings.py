"""Settings: read once, under new and old names, refused when they cannot be used."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from integrahub.settings import Settings


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "CHUNK_SIZE", "MAX_PAYLOAD_SIZE", "ADMIN_API_KEY", "INTEGRAHUB_CHUNK_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_those_of_the_reference() -> None:
    settings = Settings()
    assert (settings.chunk_size, settings.max_payload_size, settings.deactivation_limit) == (1000, 200 << 20, 0.15)
    assert (settings.bus_url, settings.full_window_minutes, settings.min_upsert_workers) == ("local", 0, 2)


def test_the_prefixed_name_wins_over_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUNK_SIZE", "7")
    assert Settings().chunk_size == 7
    monkeypatch.setenv("INTEGRAHUB_CHUNK_SIZE", "9")
    assert Settings().chunk_size == 9


def test_sizes_shares_and_lists_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_PAYLOAD_SIZE", "1 GB")
    monkeypatch.setenv("INTEGRAHUB_DEACTIVATION_LIMIT", "20%")
    monkeypatch.setenv("VALID_API_KEYS", " one, two ,,")
    settings = Settings()
    assert (settings.max_payload_size, settings.deactivation_limit) == (1 << 30, 0.2)
    assert settings.valid_api_keys == ("one", "two")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHUNK_SIZE", "0"),
        ("CHUNK_SIZE", "many"),
        ("PORT", "70000"),
        ("DEACTIVATION_LIMIT", "200%"),
        ("LOG_FORMAT", "x"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"INTEGRAHUB_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValidationError):
        Settings().chunk_size = 5


def test_secrets_may_be_files_and_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "INTEGRAHUB_ADMIN_API_KEY").write_text("from-a-file\n")
    (tmp_path / "INTEGRAHUB_KEY_PEPPER").write_text("pepper-of-a-file")
    monkeypatch.setenv("INTEGRAHUB_SECRETS_DIR", str(tmp_path))
    assert (Settings().admin_api_key, Settings().key_pepper) == ("from-a-file", "pepper-of-a-file")
    monkeypatch.setenv("INTEGRAHUB_ADMIN_API_KEY", "from-the-environment")
    assert Settings().admin_api_key == "from-the-environment"
