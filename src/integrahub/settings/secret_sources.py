"""Where settings come from: the environment, files of a folder, a keeper of secrets."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from integrahub.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from integrahub.secrets.base import SecretStore

PREFIX = "INTEGRAHUB_"
Sources = tuple[PydanticBaseSettingsSource, ...]
# Blanks around these may be meant.
_AS_THEY_ARE = ("KEY_PEPPER", "KAFKA_PASSWORD", "STORAGE_SECRET_KEY")
# Kubernetes and Docker set these for a service named `integrahub` or `integrahub-...`.
_SERVICE_LINK = re.compile(r"INTEGRAHUB(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINKED = ("tcp://", "udp://", "sctp://")


def named(*old: str) -> AliasChoices:
    """Return the prefixed name first, then the names of the older hub."""
    return AliasChoices(f"{PREFIX}{old[0]}", *old)


class Environment(EnvSettingsSource):
    """Variables as people and orchestrators write them: an empty value is an absent one."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        given = {name: value for name, value in super()._load_env_vars().items() if value and value.strip()}
        return {
            name: value if name.upper().removeprefix(PREFIX) in _AS_THEY_ARE else (value or "").strip()
            for name, value in given.items()
            if not (name.upper() == f"{PREFIX}PORT" and (value or "").startswith(_LINKED))
        }


class _Files(EnvSettingsSource):
    """Files of a folder, each named as its setting."""

    def __init__(self, settings: type[BaseSettings], folder: Path) -> None:
        self._folder = folder
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in read_secret_files(self._folder).items()}


class SecretStoreSource(EnvSettingsSource):
    """Settings as a keeper of secrets has them."""

    def __init__(self, settings: type[BaseSettings], kept: "SecretStore") -> None:
        self._kept = kept
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._kept.values().items()}


class SecretsSettings(BaseSettings):
    """Where secrets are kept: read before all other settings, from the environment and files alone."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True, extra="ignore")

    reads_secrets: ClassVar[bool] = True

    secrets: str = Field("env", pattern="^(env|aws|vault)$")
    secrets_dir: Path | None = None
    secrets_name: str | None = None
    secrets_refresh: float = Field(30.0, ge=1, le=3600)
    database_login: str | None = None
    vault_addr: str | None = Field(None, validation_alias=named("VAULT_ADDR"))
    vault_token: str | None = Field(None, repr=False, validation_alias=named("VAULT_TOKEN"))
    vault_namespace: str | None = Field(None, validation_alias=named("VAULT_NAMESPACE"))
    vault_cacert: Path | None = Field(None, validation_alias=named("VAULT_CACERT"))
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
        """Read what is given, then the environment, then files of the folder SECRETS_DIR."""
        environment = Environment(settings_cls)
        folder = environment().get("secrets_dir") if cls.reads_secrets else None
        return (init_settings, environment, *((_Files(settings_cls, Path(folder)),) if folder else ()))


def read_secret_files(folder: Path) -> dict[str, str]:
    """Return the values of the files whose names begin as settings do; ConfigurationError when one holds none."""
    found: dict[str, str] = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.name.upper().startswith(PREFIX) and path.is_file():
                found[path.name.upper()] = _content(path)
    except OSError as error:
        raise ConfigurationError(f"SECRETS_DIR is {str(folder)!r}, which cannot be read: {error.strerror}.") from error
    return found


def _content(path: Path) -> str:
    try:
        text = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        raise ConfigurationError(f"The secret file {path} is empty or no text. Write its value again, or remove it.")
    return text


@lru_cache(maxsize=1)
def _open_secret_store_once(place: tuple[str, str | None], **vault: str | Path | None) -> "SecretStore":
    """Return one keeper a process, so that what it was lent is used until it ends."""
    kind, name = place
    if kind == "aws":
        try:
            from integrahub.secrets.aws import AwsSecrets
        except ImportError as error:
            raise ConfigurationError(
                f"{error.name} is not installed. SECRETS is `aws`: pip install 'integrahub[aws]'."
            ) from error
        return AwsSecrets(name or "integrahub")
    from integrahub.secrets.vault import Vault, VaultConfig

    if not vault.get("address"):
        raise ConfigurationError("SECRETS is `vault`, and VAULT_ADDR is not set, for example https://vault:8200.")
    return Vault(VaultConfig(path=name or "secret/integrahub", **vault))  # type: ignore[arg-type]


def open_secret_store(place: SecretsSettings) -> "SecretStore | None":
    """Return who keeps the secrets; None for the environment. ConfigurationError when the keeper cannot be asked."""
    if place.secrets == "env":
        return None
    given = place.model_dump(include={name for name in SecretsSettings.model_fields if name.startswith("vault_")})
    own = {"vault_addr": "address", "vault_cacert": "authority"}
    vault = {own.get(name, name.removeprefix("vault_")): value for name, value in given.items()}
    return _open_secret_store_once((place.secrets, place.secrets_name), **vault)


def list_store_sources(settings: type[BaseSettings]) -> Sources:
    """Return the keeper of secrets as a source; none when there is no keeper."""
    try:
        kept = open_secret_store(SecretsSettings())
    except ValidationError:  # refused together with all other settings
        return ()
    return (SecretStoreSource(settings, kept),) if kept else ()


def map_names_to_fields(settings: type[BaseSettings]) -> dict[str, str]:
    """Return each name that a setting may have in the environment, with its field."""
    found: dict[str, str] = {}
    for field, known in settings.model_fields.items():
        alias = known.validation_alias
        choices = [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else [PREFIX + field.upper()]
        found |= dict.fromkeys((*choices, PREFIX + field.upper()), field)
    return found


def find_unknown_names(known: Iterable[str]) -> dict[str, str]:
    """Return names of the environment and of SECRETS_DIR that begin as settings do and are none, with advice."""
    given = {name.upper() for name, value in os.environ.items() if not value.startswith(_LINKED)}
    folder = os.environ.get(f"{PREFIX}SECRETS_DIR", "").strip()
    given |= set(read_secret_files(Path(folder))) if folder else set()
    names = [name for name in known if name.startswith(PREFIX)]
    unknown = {name for name in given if name.startswith(PREFIX) and not _SERVICE_LINK.fullmatch(name)} - set(names)
    return {name: _advice(name, names) for name in sorted(unknown)}


def _advice(name: str, names: list[str]) -> str:
    near = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in names], n=1)
    told = f"perhaps {PREFIX}{near[0]} is meant" if near else "remove it"
    return f"there is no such setting; {told}"
