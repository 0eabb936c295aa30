"""Sources of settings: the environment, files in a folder, a secret store."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from integrahub.domain.errors import ConfigurationError, missing_extra

if TYPE_CHECKING:
    from integrahub.secrets.base import SecretStore

PREFIX = "INTEGRAHUB_"
Sources = tuple[PydanticBaseSettingsSource, ...]
# Blanks around these values may be intended.
_UNSTRIPPED = ("KEY_PEPPER", "KAFKA_PASSWORD", "STORAGE_SECRET_KEY")
# Kubernetes and Docker set these for a service named `integrahub` or `integrahub-...`.
_SERVICE_LINK = re.compile(r"INTEGRAHUB(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_SCHEMES = ("tcp://", "udp://", "sctp://")


def accept_names(*old: str) -> AliasChoices:
    """Return the prefixed name, followed by the names that the older hub used."""
    return AliasChoices(f"{PREFIX}{old[0]}", *old)


class Environment(EnvSettingsSource):
    """Environment variables; an empty value counts as absent, and surrounding blanks are removed."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = {name: value for name, value in super()._load_env_vars().items() if value and value.strip()}
        return {
            name: value if name.upper().removeprefix(PREFIX) in _UNSTRIPPED else (value or "").strip()
            for name, value in variables.items()
            if not (name.upper() == f"{PREFIX}PORT" and (value or "").startswith(_LINK_SCHEMES))
        }


class _Files(EnvSettingsSource):
    """Files in a folder, each named like its setting."""

    def __init__(self, settings: type[BaseSettings], folder: Path) -> None:
        self._folder = folder
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in read_secret_files(self._folder).items()}


class SecretStoreSource(EnvSettingsSource):
    """Settings in a secret store."""

    def __init__(self, settings: type[BaseSettings], store: "SecretStore") -> None:
        self._store = store
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._store.values().items()}


class SecretsSettings(BaseSettings):
    """Location of secrets; read before all other settings, from the environment and files alone."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True, extra="ignore")

    reads_secrets: ClassVar[bool] = True

    secrets: str = Field("env", pattern="^(env|aws|vault)$")
    secrets_dir: Path | None = None
    secrets_name: str | None = None
    secrets_refresh: float = Field(30.0, ge=1, le=3600)
    database_login: str | None = None
    vault_addr: str | None = Field(None, validation_alias=accept_names("VAULT_ADDR"))
    vault_token: str | None = Field(None, repr=False, validation_alias=accept_names("VAULT_TOKEN"))
    vault_namespace: str | None = Field(None, validation_alias=accept_names("VAULT_NAMESPACE"))
    vault_cacert: Path | None = Field(None, validation_alias=accept_names("VAULT_CACERT"))
    vault_role: str | None = None
    vault_role_id: str | None = None
    vault_secret_id: str | None = Field(None, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> Sources:
        """Return the sources in order of precedence: arguments, environment, files in SECRETS_DIR."""
        environment = Environment(settings_cls)
        folder = environment().get("secrets_dir") if cls.reads_secrets else None
        return (init_settings, environment, *((_Files(settings_cls, Path(folder)),) if folder else ()))


def read_secret_files(folder: Path) -> dict[str, str]:
    """Return the values of all files named like settings. Raise ConfigurationError if one has no value."""
    values: dict[str, str] = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.name.upper().startswith(PREFIX) and path.is_file():
                values[path.name.upper()] = _read_file(path)
    except OSError as error:
        raise ConfigurationError(
            f"INTEGRAHUB_SECRETS_DIR is {str(folder)!r}, which cannot be read: {error.strerror}."
        ) from error
    return values


def _read_file(path: Path) -> str:
    try:
        text = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        raise ConfigurationError(f"The secret file {path} is empty or no text. Write its value again, or remove it.")
    return text


@lru_cache(maxsize=1)
def _open_secret_store_once(kind: str, name: str | None, **vault: str | Path | None) -> "SecretStore":
    """Return the one secret store of the process, so that leased credentials are used until their lease ends."""
    if kind == "aws":
        try:
            from integrahub.secrets.aws import AwsSecrets
        except ImportError as error:
            raise missing_extra(f"INTEGRAHUB_SECRETS is `aws`, but {error.name}", "aws") from error
        return AwsSecrets(name or "integrahub")
    from integrahub.secrets.vault import Vault, VaultConfig

    if not vault.get("address"):
        raise ConfigurationError(
            "INTEGRAHUB_SECRETS is `vault`, and INTEGRAHUB_VAULT_ADDR is not set, for example https://vault:8200."
        )
    return Vault(VaultConfig(path=name or "secret/integrahub", **vault))  # type: ignore[arg-type]


def open_secret_store(settings: SecretsSettings) -> "SecretStore | None":
    """Return the secret store; None if SECRETS is `env`. Raise ConfigurationError if it is misconfigured."""
    if settings.secrets == "env":
        return None
    fields = settings.model_dump(include={name for name in SecretsSettings.model_fields if name.startswith("vault_")})
    renamed = {"vault_addr": "address", "vault_cacert": "authority"}
    vault = {renamed.get(name, name.removeprefix("vault_")): value for name, value in fields.items()}
    return _open_secret_store_once(settings.secrets, settings.secrets_name, **vault)


def list_store_sources(settings: type[BaseSettings]) -> Sources:
    """Return the secret store as a source; nothing if there is none."""
    try:
        store = open_secret_store(SecretsSettings())
    except ValidationError:  # reported together with all other invalid settings
        return ()
    return (SecretStoreSource(settings, store),) if store else ()


def map_names_to_fields(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the field of each name that a setting may have in the environment."""
    fields: dict[str, str] = {}
    for field, info in settings.model_fields.items():
        alias = info.validation_alias
        choices = [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else [PREFIX + field.upper()]
        fields |= dict.fromkeys((*choices, PREFIX + field.upper()), field)
    return fields


def find_unknown_names(known: Iterable[str]) -> dict[str, str]:
    """Return prefixed names in the environment and SECRETS_DIR that are no settings, with advice for each."""
    present = {name.upper() for name, value in os.environ.items() if not value.startswith(_LINK_SCHEMES)}
    folder = os.environ.get(f"{PREFIX}SECRETS_DIR", "").strip()
    present |= set(read_secret_files(Path(folder))) if folder else set()
    names = [name for name in known if name.startswith(PREFIX)]
    unknown = {name for name in present if name.startswith(PREFIX) and not _SERVICE_LINK.fullmatch(name)} - set(names)
    return {name: _advise(name, names) for name in sorted(unknown)}


def _advise(name: str, names: list[str]) -> str:
    near = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in names], n=1)
    advice = f"perhaps {PREFIX}{near[0]} is meant" if near else "remove it"
    return f"there is no such setting; {advice}"
