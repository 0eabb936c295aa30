"""Settings from AWS Secrets Manager and Vault; the environment has precedence."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integrahub.cli import main
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.credentials import read_credentials, resolve_login
from integrahub.secrets.base import SecretUnavailable
from integrahub.settings import secret_sources as reading
from integrahub.settings.model import Settings
from tests.integration.secrets.conftest import Environment, VaultServer
from tests.integration.secrets.guarded_postgres import Guarded
from tests.runbook_entry import FollowedEntry


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    reading._open_secret_store_once.cache_clear()
    yield
    reading._open_secret_store_once.cache_clear()


def _kept(**values: str) -> str:
    return json.dumps(values)


def test_a_secret_of_aws_holds_settings_by_name_with_or_without_prefix(aws: Any, environment: Environment) -> None:
    environment(SECRETS="aws")
    aws.create_secret(
        Name="integrahub", SecretString=_kept(ADMIN_API_KEY="of-aws", INTEGRAHUB_KEY_PEPPER="pepper", PORT="8123")
    )
    settings = Settings()
    assert (settings.admin_api_key, settings.key_pepper, settings.port) == ("of-aws", "pepper", 8123)
    environment(ADMIN_API_KEY="of-the-environment")
    assert Settings().admin_api_key == "of-the-environment"
    aws.put_secret_value(SecretId="integrahub", SecretString=_kept(KEY_PEPPER="newer"))
    assert Settings().key_pepper == "newer"


def test_a_database_login_that_aws_rotates_is_put_into_the_address(aws: Any, environment: Environment) -> None:
    environment(
        SECRETS="aws", SECRETS_NAME="hub/settings", DATABASE_LOGIN="rds", DATABASE_URL="postgresql://db:5432/hub"
    )
    aws.create_secret(Name="hub/settings", SecretString="{}")
    aws.create_secret(Name="rds", SecretString=_kept(username="hub", password="p@ss/1", engine="postgres"))
    settings = resolve_login(Settings())
    assert settings.database_url == "postgresql://hub:p%40ss%2F1@db:5432/hub"
    aws.put_secret_value(SecretId="rds", SecretString=_kept(username="hub_clone", password="2"))
    assert read_credentials(settings).database_url == "postgresql://hub_clone:2@db:5432/hub"


@pytest.mark.parametrize("text", ["not json", "[1]", '{"A": {"B": 1}}'])
def test_a_secret_of_aws_that_is_none_is_refused_without_showing_it(
    aws: Any, environment: Environment, text: str
) -> None:
    environment(SECRETS="aws")
    with pytest.raises(SecretUnavailable, match="integrahub could not be read"):
        Settings()
    aws.create_secret(Name="integrahub", SecretString=text)
    with pytest.raises(SecretUnavailable, match="integrahub") as refused:
        Settings()
    assert text not in str(refused.value) and not isinstance(refused.value.__context__, ClientError)


def test_vault_keeps_settings_in_its_newest_version(vault: VaultServer, environment: Environment) -> None:
    environment(SECRETS="vault", VAULT_ADDR=vault.address, VAULT_TOKEN=vault.token)
    with pytest.raises(SecretUnavailable, match="nothing is there"):
        Settings()
    vault.keep(ADMIN_API_KEY="of-vault", KAFKA_PASSWORD="k1")
    assert (Settings().admin_api_key, Settings().kafka_password) == ("of-vault", "k1")
    vault.keep(KAFKA_PASSWORD="k2")
    assert (Settings().admin_api_key, Settings().kafka_password) == (None, "k2")


def test_an_approle_logs_in_and_again_when_its_token_is_revoked(vault: VaultServer, environment: Environment) -> None:
    vault.keep(KEY_PEPPER="behind-a-role")
    vault.tell("sys/auth/approle", type="approle")
    vault.tell("sys/policies/acl/hub", policy='path "secret/data/integrahub" { capabilities = ["read"] }')
    vault.tell("auth/approle/role/hub", token_policies=["hub"], token_ttl=60)
    role_id = vault.ask("auth/approle/role/hub/role-id")["data"]["role_id"]
    secret_id = vault.tell("auth/approle/role/hub/secret-id")["data"]["secret_id"]
    environment(SECRETS="vault", VAULT_ADDR=vault.address, VAULT_ROLE_ID=role_id, VAULT_SECRET_ID=secret_id)
    settings = Settings()
    assert settings.key_pepper == "behind-a-role"
    kept: Any = reading.open_secret_store(settings)
    vault.tell("auth/token/revoke", token=kept._token.value)
    assert Settings().key_pepper == "behind-a-role"
    assert "behind-a-role" not in repr(settings) and secret_id not in repr(settings)


def test_a_wrong_token_and_a_vault_that_is_away_are_told_in_words(vault: VaultServer, environment: Environment) -> None:
    environment(SECRETS="vault", VAULT_ADDR=vault.address, VAULT_TOKEN="a-wrong-token")
    with pytest.raises(SecretUnavailable, match="403") as refused:
        Settings()
    assert "a-wrong-token" not in str(refused.value)
    environment(VAULT_ADDR="http://127.0.0.1:1")
    with pytest.raises(SecretUnavailable, match="does not answer"):
        Settings()


def test_a_store_that_does_not_answer_is_named_by_doctor_until_it_does(
    vault: VaultServer,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    entry, found = FollowedEntry("secret-store"), list[dict[str, str]]()
    monkeypatch.setattr("sys.argv", ["integrahub", *entry.command("doctor"), "--json"])
    environment(DATA_DIR=str(tmp_path), SECRETS="vault", VAULT_ADDR="http://127.0.0.1:9", VAULT_TOKEN=vault.token)
    vault.keep(KEY_PEPPER="pepper")
    for _ in range(2):
        main()
        found += [one for one in json.loads(capsys.readouterr().out) if one["check"] == "secrets"]
        entry.expect("check the address", "the line `secrets` names the settings that the store holds")
        environment(VAULT_ADDR=vault.address)
        reading._open_secret_store_once.cache_clear()
    assert [one["status"] for one in found] == ["problem", "ok"]
    assert found[0]["runbook"] == entry.anchor and "vault answers (KEY_PEPPER)" in found[1]["message"]


def test_a_login_that_vault_lends_is_used_until_most_of_its_time_has_passed(
    vault: VaultServer, environment: Environment, guarded: Guarded
) -> None:
    vault.keep(DATABASE_URL=guarded.place)
    vault.lend(guarded, 3600)
    environment(SECRETS="vault", VAULT_ADDR=vault.address, VAULT_TOKEN=vault.token)
    environment(DATABASE_LOGIN="database/creds/hub")
    settings = resolve_login(Settings())
    first = settings.database_url
    assert first and "v-token-hub-" in first
    assert read_credentials(settings).database_url == first
    kept: Any = reading.open_secret_store(settings)
    later = kept._clock() + 3600
    kept._clock = lambda: later
    assert read_credentials(settings).database_url not in (first, None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SECRETS": "vault"}, "VAULT_ADDR"),
        ({"SECRETS": "vault", "VAULT_ADDR": "http://127.0.0.1:1"}, "VAULT_TOKEN"),
        ({"DATABASE_LOGIN": "x", "DATABASE_URL": "postgresql:///x"}, "needs INTEGRAHUB_DATABASE_URL"),
    ],
)
def test_what_is_missing_is_named(environment: Environment, given: dict[str, str], told: str) -> None:
    environment(**given)
    with pytest.raises((ConfigurationError, SecretUnavailable), match=told):
        resolve_login(Settings())
