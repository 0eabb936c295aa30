"""The only reader of the environment: every setting, once, as small frozen values."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from integrahub.domain.addresses import local_url, parse_http_url
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.limits import parse_rate
from integrahub.domain.pool_sizes import parse_pool_size

if TYPE_CHECKING:
    from integrahub.secrets.base import Keeper

Sources = tuple[PydanticBaseSettingsSource, ...]


def _named(*old: str) -> AliasChoices:
    """The prefixed name first, then the names of the older hub."""
    return AliasChoices(f"INTEGRAHUB_{old[0]}", *old)


class SecretsPlace(BaseSettings):
    """Where secrets are kept: read before all other settings, from the environment and files alone."""

    model_config = SettingsConfigDict(env_prefix="INTEGRAHUB_", frozen=True, populate_by_name=True, extra="ignore")

    secrets: str = Field("env", pattern="^(env|aws|vault)$")
    secrets_dir: Path | None = None
    secrets_name: str | None = None
    secrets_refresh: float = Field(30.0, ge=1, le=3600)
    database_login: str | None = None
    vault_addr: str | None = Field(None, validation_alias=_named("VAULT_ADDR"))
    vault_token: str | None = Field(None, repr=False, validation_alias=_named("VAULT_TOKEN"))
    vault_namespace: str | None = Field(None, validation_alias=_named("VAULT_NAMESPACE"))
    vault_cacert: Path | None = Field(None, validation_alias=_named("VAULT_CACERT"))
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
        """What is given, then the environment, then files of the folder SECRETS_DIR, each named as its setting."""
        folder = env_settings().get("secrets_dir")
        files = (SecretsSettingsSource(settings_cls, folder),) if folder else ()
        return (init_settings, env_settings, *files)


@lru_cache(maxsize=1)
def _keeper(place: tuple[str, str | None], **vault: str | Path | None) -> "Keeper":
    """One keeper a process, so that what it was lent is used until it ends."""
    kind, name = place
    if kind == "aws":
        try:
            from integrahub.secrets.aws import AwsSecrets
        except ImportError as error:
            raise ConfigurationError(
                f"{error.name} is not installed. SECRETS is `aws`: pip install 'integrahub[aws]'."
            ) from error
        return AwsSecrets(name or "integrahub")
    from integrahub.secrets.vault import Vault, VaultPlace

    if not vault.get("address"):
        raise ConfigurationError("SECRETS is `vault`, and VAULT_ADDR is not set, for example https://vault:8200.")
    return Vault(VaultPlace(path=name or "secret/integrahub", **vault))  # type: ignore[arg-type]


def keeper(place: SecretsPlace) -> "Keeper | None":
    """Who keeps the secrets; None when that is the environment. ConfigurationError when it cannot be asked."""
    if place.secrets == "env":
        return None
    given = place.model_dump(include={name for name in SecretsPlace.model_fields if name.startswith("vault_")})
    own = {"vault_addr": "address", "vault_cacert": "authority"}
    vault = {own.get(name, name.removeprefix("vault_")): value for name, value in given.items()}
    return _keeper((place.secrets, place.secrets_name), **vault)


class _Kept(EnvSettingsSource):
    """Settings as a keeper of secrets has them."""

    def __init__(self, settings: type[BaseSettings], kept: "Keeper") -> None:
        self._kept = kept
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._kept.values().items()}


class Settings(SecretsPlace):
    """Every setting; names carry the prefix `INTEGRAHUB_`. Described in docs/reference/settings.md."""

    database_url: str | None = Field(None, repr=False, validation_alias=_named("DATABASE_URL"))
    bus_url: str = Field("local", validation_alias=AliasChoices("INTEGRAHUB_BUS_URL", "KAFKA_BROKERS"))
    kafka_batches_partitions: int = Field(10, ge=1, le=10_000)
    kafka_chunks_partitions: int = Field(20, ge=1, le=10_000)
    kafka_replication: int = Field(-1, ge=-1, le=100)
    kafka_prefix: str = ""
    kafka_protocol: str = Field("classic", pattern="^(classic|consumer)$")
    kafka_compression: str = Field("snappy", pattern="^(none|gzip|snappy|lz4|zstd)$")
    kafka_fetch_min_bytes: int = Field(1, ge=1)
    kafka_fetch_wait_ms: int = Field(100, ge=1, le=60_000)
    kafka_instance: str | None = None
    kafka_username: str | None = None
    kafka_password: str | None = Field(None, repr=False)
    kafka_options: str = Field("", repr=False)
    storage_url: str | None = None
    storage_endpoint: str | None = Field(None, validation_alias=_named("STORAGE_ENDPOINT"))
    storage_access_key: str | None = Field(None, repr=False, validation_alias=_named("STORAGE_ACCESS_KEY"))
    storage_secret_key: str | None = Field(None, repr=False, validation_alias=_named("STORAGE_SECRET_KEY"))
    storage_ca: Path | None = None
    storage_bucket: str = Field("integrahub-batches", validation_alias=_named("STORAGE_BUCKET"))
    storage_use_ssl: bool = Field(False, validation_alias=_named("STORAGE_USE_SSL"))
    body_retention_days: int = Field(30, ge=0, le=3650)
    chunk_retention_days: int = Field(7, ge=0, le=3650)
    chunk_row_retention_days: int = Field(30, ge=0, le=3650)
    report_retention_days: int = Field(90, ge=0, le=3650)
    batch_retention_days: int = Field(400, ge=0, le=3650)
    cold_class: str = "GLACIER_IR"
    storage_quota: int | None = Field(None, ge=1)
    data_dir: Path = Path("integrahub-data")
    data_dir_mode: Annotated[int, NoDecode] = 0o700
    postgres_bin: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    admin_api_key: str | None = Field(None, repr=False, validation_alias=_named("ADMIN_API_KEY"))
    key_pepper: str | None = Field(None, repr=False)
    valid_api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), repr=False, validation_alias=_named("VALID_API_KEYS")
    )
    chunk_size: int = Field(1000, ge=1, le=50_000, validation_alias=_named("CHUNK_SIZE"))
    max_payload_size: int = Field(200 * 1024 * 1024, ge=1, validation_alias=_named("MAX_PAYLOAD_SIZE"))
    max_record_size: int = Field(64 * 1024, ge=256)
    max_chunk_retries: int = Field(3, ge=1, le=20, validation_alias=_named("MAX_CHUNK_RETRIES"))
    replay_rate: int = Field(20, ge=1, le=10_000)
    split_window: int = Field(2, ge=1, le=1000)
    full_window_minutes: int = Field(0, ge=0, le=1440, validation_alias=_named("FULL_WINDOW_MINUTES"))
    deactivation_limit: Annotated[float, NoDecode] = Field(0.15, ge=0, le=1)
    min_upsert_workers: int = Field(2, ge=1, le=256, validation_alias=_named("MIN_UPSERT_WORKERS"))
    max_backlog_per_pharmacy: int = Field(5_000_000, ge=0)
    max_backlog: int = Field(20_000_000, ge=0)
    max_upsert_workers: int = Field(16, ge=1, le=256, validation_alias=_named("MAX_UPSERT_WORKERS"))
    min_api: int = Field(2, ge=1, le=64)
    max_api: int = Field(10, ge=1, le=64)
    scale_check_interval: Annotated[float, NoDecode] = Field(
        10.0, ge=0.1, le=3600, validation_alias=_named("SCALE_CHECK_INTERVAL")
    )
    scale_add_over: int = Field(5000, ge=0)
    scale_remove_under: int = Field(1000, ge=0)
    scale_drain_seconds: float = Field(30.0, ge=0)
    scale_pause: float = Field(60.0, ge=0)
    api_add_over: Annotated[float, NoDecode] = Field(0.7, gt=0, le=1)
    api_remove_under: Annotated[float, NoDecode] = Field(0.3, gt=0, le=1)
    api_memory: int = Field(512 << 20, ge=64 << 20)
    pool_min_size: str = "2"
    pool_max_size: str = "8"
    verify_cnpj: bool = True
    max_inflation: int = Field(500, ge=1)
    keep_alive_seconds: int = Field(75, ge=1, le=3600)
    max_connections: int = Field(2000, ge=10, le=60_000)
    max_connections_per_address: int = Field(1000, ge=1, le=60_000)
    body_patience: float = Field(30.0, gt=0, le=3600)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_redirect_port: int | None = Field(None, ge=1, le=65535)
    plain_http: bool = False
    rate_limit: str = "100/minute"
    failed_key_limit: str = "20/minute"
    trusted_proxies: str = ""
    url: str | None = None
    key: str | None = Field(None, repr=False)
    ca: Path | None = None
    worker_name: str | None = None
    parent_pid: int | None = None
    fleet_port: int | None = None
    listen_fd: int | None = None
    probe_fd: int | None = None
    probe_host: str = "127.0.0.1"
    probe_port: int | None = Field(None, ge=0, le=65535)
    traces_url: str | None = None
    traces_share: float = Field(1.0, gt=0, le=1)
    metrics: bool = True
    log_level: str = "INFO"
    log_format: str = Field("auto", pattern="^(auto|json|text)$")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> Sources:
        """As SecretsPlace, then whoever keeps the secrets."""
        given = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        own = super().settings_customise_sources(settings_cls, *given)
        kept = keeper(SecretsPlace())
        return (*own, _Kept(settings_cls, kept)) if kept else own

    @property
    def umask(self) -> int:
        """The permissions that files of this process never have."""
        return 0o777 & ~self.data_dir_mode

    @property
    def known_secrets(self) -> frozenset[str]:
        """Values that no log line may show."""
        given = (self.admin_api_key, self.key_pepper, self.key, self.storage_secret_key, self.kafka_password)
        vault = (self.vault_token, self.vault_secret_id)
        return frozenset(filter(None, (*given, *vault, *self.valid_api_keys)))

    @property
    def own_url(self) -> str:
        """Where this machine reaches the API."""
        return local_url("https" if self.tls_cert else "http", self.host, self.port)

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        return parse_http_url(value) if value else None

    @field_validator("scale_check_interval", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        """Seconds, or with `ms` or `s`; a bare number of 1000 and more is what the older hub wrote: milliseconds."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?", str(value).strip().lower())
        if match is None:
            return value
        number = float(match[1])
        return number / 1000 if match[2] == "ms" or (not match[2] and number >= 1000) else number

    @field_validator("data_dir_mode", mode="before")
    @classmethod
    def _mode(cls, value: object) -> object:
        """Octal as `chmod` takes it; a folder that other accounts can open is not offered."""
        known = {"0700": 0o700, "700": 0o700, "0750": 0o750, "750": 0o750}
        if isinstance(value, str) and value.strip() not in known:
            raise ValueError("expected 0700, or 0750 where a group shares the folder")
        return known[value.strip()] if isinstance(value, str) else value

    @field_validator("bus_url")
    @classmethod
    def _bus(cls, value: str) -> str:
        """Brokers alone, as the older hub had them, are a Kafka."""
        return value if value == "local" or "://" in value else f"kafka://{value}"

    @field_validator("deactivation_limit", "api_add_over", "api_remove_under", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        return float(value.rstrip("% ")) / 100 if isinstance(value, str) and value.strip().endswith("%") else value

    @field_validator("rate_limit", "failed_key_limit")
    @classmethod
    def _rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @field_validator("pool_min_size", "pool_max_size")
    @classmethod
    def _pool_size(cls, value: str) -> str:
        parse_pool_size(value, 1)
        return value

    def pool_sizes(self, role: str) -> tuple[int, int]:
        """Return the fewest and the most connections for a process of `role`, `api` or `worker`."""
        most = parse_pool_size(self.pool_max_size, 8).of(role)
        return min(most, parse_pool_size(self.pool_min_size, 2).of(role)), most

    @field_validator("max_payload_size", "storage_quota", "api_memory", mode="before")
    @classmethod
    def _size(cls, value: object) -> object:
        match = re.fullmatch(r"(\d+)\s*(k|m|g|t)i?b?", str(value).strip().lower())
        return int(match[1]) << {"k": 10, "m": 20, "g": 30, "t": 40}[match[2]] if match else value

    @field_validator("valid_api_keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        return tuple(k.strip() for k in value.split(",") if k.strip()) if isinstance(value, str) else value
