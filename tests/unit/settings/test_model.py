"""Settings: read once, under new and old names, refused when invalid."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from integrahub.cli.diagnostics.setting_errors import describe_setting_errors
from integrahub.db.urls import parse_database_url, shown_database
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.settings.model import Settings


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
    monkeypatch.setenv("INTEGRAHUB_WEBHOOK_ALLOW", "10.0.0.0/8, Hooks.example")
    settings = Settings()
    assert (settings.max_payload_size, settings.deactivation_limit) == (1 << 30, 0.2)
    assert settings.valid_api_keys == ("one", "two")
    assert settings.webhook_allow == AllowedTargets((ip_network("10.0.0.0/8"),), frozenset({"hooks.example"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHUNK_SIZE", "0"),
        ("CHUNK_SIZE", "many"),
        ("PORT", "70000"),
        ("DEACTIVATION_LIMIT", "200%"),
        ("LOG_FORMAT", "x"),
        ("LOG_LEVEL", "verbose"),
        ("TRUSTED_PROXIES", "nonsense"),
        ("TLS_CERT", "/nonexistent/certificate.pem"),
        ("STORAGE_CA", "/nonexistent/ca.pem"),
        ("HOST", "0.0.0.0:8000"),
        ("HOST", "http://127.0.0.1"),
        ("URL", "http://127.0.0.1:abc"),
        ("URL", "http://[::1"),
        ("URL", "ftp://hub"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgresql://host:99999/name"),
        ("DATABASE_URL", "postgresql://host/name?schema=public"),
        ("ADMIN_API_KEY", "chave com ção"),
        ("VALID_API_KEYS", "good,two words"),
        ("RATE_LIMIT", "many"),
        ("SECRETS", "drawer"),
        ("PUBLIC_URL", "hub.example"),
        ("WEBHOOK_ALLOW", "10.0.0.0/33"),
        ("WEBHOOK_ALLOW", "hooks.example, http://hooks.example"),
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


def _refused() -> list[str]:
    with pytest.raises(ValidationError) as error:
        Settings()
    return describe_setting_errors(error.value)


def test_everything_that_cannot_be_used_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"CHUNKSIZE": "5", "LOG_LEVEL": "verbose", "MIN_API": "5", "MAX_API": "x", "ZZZZ": "1"}
    for name, value in given.items():
        monkeypatch.setenv(f"INTEGRAHUB_{name}", value)
    told = _refused()
    assert len(told) == 4
    assert "The setting INTEGRAHUB_CHUNKSIZE: there is no such setting; perhaps INTEGRAHUB_CHUNK_SIZE is meant." in told
    assert "The setting INTEGRAHUB_ZZZZ: there is no such setting; remove it." in told
    assert any(sentence.startswith("The setting INTEGRAHUB_LOG_LEVEL is 'verbose'") for sentence in told)


@pytest.mark.parametrize(
    ("low", "high"),
    [("MIN_UPSERT_WORKERS", "MAX_UPSERT_WORKERS"), ("MIN_API", "MAX_API"), ("SCALE_REMOVE_UNDER", "SCALE_ADD_OVER")],
)
def test_a_least_over_its_most_is_refused(monkeypatch: pytest.MonkeyPatch, low: str, high: str) -> None:
    monkeypatch.setenv(f"INTEGRAHUB_{low}", "20")
    Settings()  # a default gives way
    monkeypatch.setenv(f"INTEGRAHUB_{high}", "2")
    assert _refused() == [f"The setting INTEGRAHUB_{low} is '20': INTEGRAHUB_{high} is 2, which is less."]


def test_a_secret_that_cannot_be_used_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", "mysql://somebody:hidden@host/name")
    monkeypatch.setenv("INTEGRAHUB_ADMIN_API_KEY", "hidden ção")
    told = "".join(_refused())
    assert "INTEGRAHUB_DATABASE_URL" in told and "INTEGRAHUB_ADMIN_API_KEY" in told and "hidden" not in told
    for url in ("postgresql://u:hidden%zz@h/d", "postgresql://u:hid@hidden@h/d", "postgresql://u:hidden@h:abc/d"):
        monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", url)
        assert "hidden" not in "".join(_refused())


def test_an_empty_value_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PORT",
        "RATE_LIMIT",
        "BUS_URL",
        "DATA_DIR",
        "TLS_CERT",
        "CHUNK_SIZE",
        "KERNEL",
        "DATABASE_URL",
        "SECRETS_DIR",
    ):
        monkeypatch.setenv(f"INTEGRAHUB_{name}", " " if name == "BUS_URL" else "")
    settings = Settings()
    assert (settings.port, settings.bus_url, settings.data_dir) == (8000, "local", Path("integrahub-data"))
    assert settings.model_fields_set == set()


def test_blanks_and_line_ends_around_a_value_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "HOST": "[::1]\n",
        "URL": " http://[::1]:8000/ ",
        "KEY": "a-key\r\n",
        "LOG_LEVEL": "debug ",
        "KEY_PEPPER": "p ",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"INTEGRAHUB_{name}", value)
    settings = Settings()
    assert (settings.host, settings.url, settings.key) == ("::1", "http://[::1]:8000", "a-key")
    assert (settings.log_level, settings.key_pepper, settings.own_url) == ("DEBUG", "p ", "http://[::1]:8000")


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000")])
def test_a_hub_that_listens_everywhere_is_reached_on_loopback(host: str, url: str) -> None:
    assert Settings(host=host).own_url == url


def test_variables_that_orchestrators_set_for_a_service_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "API_PORT", "PORT_80_TCP"):
        monkeypatch.setenv(f"INTEGRAHUB_{name}", "tcp://10.0.0.1:80")
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "API_SERVICE_HOST", "PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"INTEGRAHUB_{name}", "10.0.0.1")
    assert Settings().port == 8000


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"a\0b"])
def test_a_secret_file_without_a_value_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "INTEGRAHUB_KEY_PEPPER").write_bytes(content)
    monkeypatch.setenv("INTEGRAHUB_SECRETS_DIR", str(tmp_path))
    with pytest.raises(ConfigurationError, match="INTEGRAHUB_KEY_PEPPER is empty or no text"):
        Settings()


def test_misspelt_secret_files_and_a_folder_that_is_not_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "INTEGRAHUB_KEY_PEPER").write_text("x")
    (tmp_path / "..data").mkdir()
    monkeypatch.setenv("INTEGRAHUB_SECRETS_DIR", str(tmp_path))
    assert "INTEGRAHUB_KEY_PEPPER is meant" in _refused()[0]
    monkeypatch.setenv("INTEGRAHUB_SECRETS_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigurationError, match="SECRETS_DIR"):
        Settings()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://somebody:hidden@host:5433/name?sslmode=require", "postgresql://somebody@host:5433/name"),
        ("postgres://[::1]/name?password=hidden", "postgresql://[::1]/name"),
        ("postgresql://integrahub@/name?host=%2Ftmp%2Fx", "postgresql://integrahub@/name at /tmp/x"),
        ("host=a dbname=b password=hidden", "postgresql://a/b"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_database(parse_database_url(url)) == shown


@pytest.mark.parametrize("given", [{"feed_days": 8}, {"stock_history_days": 6}, {"history_days": 3}])
def test_the_feed_reaches_no_further_back_than_the_changes_that_are_kept(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="FEED_DAYS"):
        Settings(**given)
