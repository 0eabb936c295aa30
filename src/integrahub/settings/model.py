"""The only reader of the environment: every setting, once, as small frozen values."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource

from integrahub.db.urls import parse_database_url
from integrahub.domain.addresses import is_loopback, local_url, parse_http_url
from integrahub.domain.chosen_keys import is_weak
from integrahub.resilience.rate_limit import parse_rate
from integrahub.settings import values
from integrahub.settings.pool_sizes import parse_pool_size
from integrahub.settings.secret_sources import (
    SecretsSettings,
    Sources,
    find_unknown_names,
    list_store_sources,
    map_names_to_fields,
    named,
)


def _checked(parse: Callable[[str], object]) -> AfterValidator:
    """Refuse what `parse` cannot read; None is no value."""

    def check(value: str | None) -> str | None:
        if value is not None:
            parse(value)
        return value

    return AfterValidator(check)


def _existing(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError("there is no such file, or it cannot be read")
    return path


Size = Annotated[int, BeforeValidator(values.parse_size)]
Seconds = Annotated[float, NoDecode, BeforeValidator(values.parse_seconds)]
Share = Annotated[float, NoDecode, BeforeValidator(values.parse_share)]
Mode = Annotated[int, NoDecode, BeforeValidator(values.parse_mode)]
Host = Annotated[str, AfterValidator(values.parse_host)]
Level = Annotated[str, AfterValidator(values.parse_level)]
Proxies = Annotated[str, AfterValidator(values.parse_proxies)]
BusUrl = Annotated[str, AfterValidator(values.parse_bus)]
Key = Annotated[str | None, AfterValidator(values.parse_key)]
Keys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.parse_list), AfterValidator(values.parse_keys)]
RateText = Annotated[str, _checked(parse_rate)]
PoolSize = Annotated[str, _checked(lambda text: parse_pool_size(text, 1))]
Url = Annotated[str | None, AfterValidator(lambda url: parse_http_url(url) if url else None)]
DatabaseUrl = Annotated[str | None, _checked(parse_database_url)]
File = Annotated[Path | None, AfterValidator(_existing)]


class Settings(SecretsSettings):
    """Every setting; names carry the prefix `INTEGRAHUB_`. Described in docs/reference/settings.md."""

    is_strict: ClassVar[bool] = True

    database_url: DatabaseUrl = Field(None, repr=False, validation_alias=named("DATABASE_URL"))
    bus_url: BusUrl = Field("local", validation_alias=AliasChoices("INTEGRAHUB_BUS_URL", "KAFKA_BROKERS"))
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
    storage_endpoint: str | None = Field(None, validation_alias=named("STORAGE_ENDPOINT"))
    storage_access_key: str | None = Field(None, repr=False, validation_alias=named("STORAGE_ACCESS_KEY"))
    storage_secret_key: str | None = Field(None, repr=False, validation_alias=named("STORAGE_SECRET_KEY"))
    storage_ca: File = None
    storage_bucket: str = Field("integrahub-batches", validation_alias=named("STORAGE_BUCKET"))
    storage_use_ssl: bool = Field(False, validation_alias=named("STORAGE_USE_SSL"))
    body_retention_days: int = Field(30, ge=0, le=3650)
    chunk_retention_days: int = Field(7, ge=0, le=3650)
    chunk_row_retention_days: int = Field(30, ge=0, le=3650)
    report_retention_days: int = Field(90, ge=0, le=3650)
    batch_retention_days: int = Field(400, ge=0, le=3650)
    cold_class: str = "GLACIER_IR"
    storage_quota: Size | None = Field(None, ge=1)
    data_dir: Path = Path("integrahub-data")
    data_dir_mode: Mode = 0o700
    postgres_bin: Path | None = None
    postgres_password: str | None = Field(None, min_length=20, repr=False)
    host: Host = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    admin_api_key: Key = Field(None, repr=False, validation_alias=named("ADMIN_API_KEY"))
    key_pepper: str | None = Field(None, repr=False)
    keep_admin_key: bool = False
    allow_weak_keys: bool = False
    valid_api_keys: Keys = Field((), repr=False, validation_alias=named("VALID_API_KEYS"))
    chunk_size: int = Field(1000, ge=1, le=50_000, validation_alias=named("CHUNK_SIZE"))
    max_payload_size: Size = Field(200 * 1024 * 1024, ge=1, validation_alias=named("MAX_PAYLOAD_SIZE"))
    max_record_size: int = Field(64 * 1024, ge=256)
    max_chunk_retries: int = Field(3, ge=1, le=20, validation_alias=named("MAX_CHUNK_RETRIES"))
    replay_rate: int = Field(20, ge=1, le=10_000)
    split_window: int = Field(2, ge=1, le=1000)
    full_window_minutes: int = Field(0, ge=0, le=1440, validation_alias=named("FULL_WINDOW_MINUTES"))
    deactivation_limit: Share = Field(0.15, ge=0, le=1)
    min_upsert_workers: int = Field(2, ge=1, le=256, validation_alias=named("MIN_UPSERT_WORKERS"))
    max_backlog_per_pharmacy: int = Field(5_000_000, ge=0)
    max_backlog: int = Field(20_000_000, ge=0)
    max_upsert_workers: int = Field(16, ge=1, le=256, validation_alias=named("MAX_UPSERT_WORKERS"))
    min_api: int = Field(2, ge=1, le=64)
    max_api: int = Field(10, ge=1, le=64)
    scale_check_interval: Seconds = Field(10.0, ge=0.1, le=3600, validation_alias=named("SCALE_CHECK_INTERVAL"))
    scale_add_over: int = Field(5000, ge=0)
    scale_remove_under: int = Field(1000, ge=0)
    scale_drain_seconds: float = Field(30.0, ge=0)
    scale_pause: float = Field(60.0, ge=0)
    api_add_over: Share = Field(0.7, gt=0, le=1)
    api_remove_under: Share = Field(0.3, gt=0, le=1)
    api_memory: Size = Field(512 << 20, ge=64 << 20)
    pool_min_size: PoolSize = "2"
    pool_max_size: PoolSize = "8"
    verify_cnpj: bool = True
    max_inflation: int = Field(500, ge=1)
    keep_alive_seconds: int = Field(75, ge=1, le=3600)
    max_encoded_uploads: int = Field(24, ge=1, le=1000)
    max_encoded_uploads_per_pharmacy: int = Field(4, ge=1, le=1000)
    max_connections: int = Field(2000, ge=10, le=60_000)
    max_connections_per_address: int = Field(1000, ge=1, le=60_000)
    body_patience: float = Field(30.0, gt=0, le=3600)
    tls_cert: File = None
    tls_key: File = None
    tls_redirect_port: int | None = Field(None, ge=1, le=65535)
    plain_http: bool = False
    rate_limit: RateText = "100/minute"
    failed_key_limit: RateText = "20/minute"
    key_rate_limit: RateText = "6000/minute"
    auto_create_pharmacies: bool = True
    new_pharmacy_limit: RateText = "100/minute"
    read_rate_limit: RateText = "3000/minute"
    reads_per_key: int = Field(2, ge=1, le=100)
    read_pool_size: int = Field(4, ge=1, le=100)
    read_timeout_seconds: float = Field(4.0, gt=0, le=600)
    trusted_proxies: Proxies = ""
    url: Url = None
    key: Key = Field(None, repr=False)
    ca: File = None
    worker_name: str | None = None
    parent_pid: int | None = None
    fleet_port: int | None = None
    listen_fd: int | None = None
    probe_fd: int | None = None
    probe_host: str = "127.0.0.1"
    probe_port: int | None = Field(None, ge=0, le=65535)
    traces_url: Url = None
    traces_share: float = Field(1.0, gt=0, le=1)
    metrics: bool = True
    metrics_public: bool | None = None
    log_level: Level = "INFO"
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
        return (*own, *(list_store_sources(settings_cls) if cls.reads_secrets else ()))

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, handler: ModelWrapValidatorHandler["Settings"]) -> "Settings":
        """Refuse every setting that cannot be used in one error, misspelt names and pairs that contradict included."""
        known = map_names_to_fields(Settings)
        faults = [_fault(name, "", told) for name, told in find_unknown_names(known).items()] if cls.is_strict else []
        try:
            made = handler(given)
        except ValidationError as error:
            for fault in error.errors():
                field = known.get(str(fault["loc"][0]).upper(), str(fault["loc"][0]))
                shown = fault["input"] if cls.model_fields[field].repr else "(not shown)"
                faults.append(_fault(f"INTEGRAHUB_{field.upper()}", shown, fault["msg"]))
            raise ValidationError.from_exception_data(cls.__name__, faults) from None
        faults += made._contradictions() if cls.is_strict else []
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return made

    def _contradictions(self) -> list[InitErrorDetails]:
        """Pairs of settings, both given, of which the smaller is larger."""
        both = [(low, high) for low, high in _PAIRS if {low, high} <= self.model_fields_set]
        found = [(low, getattr(self, low), high, getattr(self, high)) for low, high in both]
        return [
            _fault(f"INTEGRAHUB_{low.upper()}", least, f"{high.upper()} is {most}, which is less")
            for low, least, high, most in found
            if least > most
        ]

    @property
    def umask(self) -> int:
        """The permissions that files of this process never have."""
        return 0o777 & ~self.data_dir_mode

    @property
    def weak_keys(self) -> list[str]:
        """Names of the settings that hold keys which are easy to guess."""
        held = {"ADMIN_API_KEY": (self.admin_api_key,), "VALID_API_KEYS": self.valid_api_keys}
        return [name for name, keys in held.items() if any(key and is_weak(key) for key in keys)]

    @property
    def known_secrets(self) -> frozenset[str]:
        """Values that no log line may show."""
        given = (
            self.admin_api_key,
            self.key_pepper,
            self.key,
            self.postgres_password,
            self.storage_secret_key,
            self.kafka_password,
        )
        vault = (self.vault_token, self.vault_secret_id)
        return frozenset(filter(None, (*given, *vault, *self.valid_api_keys)))

    @property
    def own_url(self) -> str:
        """Where this machine reaches the API."""
        return local_url("https" if self.tls_cert else "http", self.host, self.port)

    @property
    def is_insight_public(self) -> bool:
        """Whether anybody who reaches the API's port may see metrics and the details of health."""
        return is_loopback(self.host) if self.metrics_public is None else self.metrics_public

    def pool_sizes(self, role: str) -> tuple[int, int]:
        """Return the fewest and the most connections for a process of `role`, `api` or `worker`."""
        most = parse_pool_size(self.pool_max_size, 8).of(role)
        return min(most, parse_pool_size(self.pool_min_size, 2).of(role)), most


_PAIRS = (
    ("min_upsert_workers", "max_upsert_workers"),
    ("min_api", "max_api"),
    ("scale_remove_under", "scale_add_over"),
    ("api_remove_under", "api_add_over"),
    ("max_record_size", "max_payload_size"),
)


def _fault(name: str, value: object, told: str) -> InitErrorDetails:
    """Return an error that names a setting; `told` may hold braces."""
    return InitErrorDetails(type=PydanticCustomError("setting", "{told}", {"told": told}), loc=(name,), input=value)
