"""All settings of the hub, read once from their sources, as frozen values. No other module reads them."""

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
from integrahub.domain.chosen_keys import is_weak, parse_receipt_key
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.resilience.rate_limit import parse_rate
from integrahub.settings import values
from integrahub.settings.pool_sizes import parse_pool_size
from integrahub.settings.secret_sources import (
    SecretsSettings,
    Sources,
    accept_names,
    find_unknown_names,
    list_store_sources,
    map_names_to_fields,
)


def _validate_with(parse: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps the text and rejects it if `parse` raises ValueError."""

    def check(value: str | None) -> str | None:
        if value is not None:
            parse(value)
        return value

    return AfterValidator(check)


def _require_file(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError("there is no such file, or it is not readable")
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
Targets = Annotated[AllowedTargets, NoDecode, BeforeValidator(values.parse_targets)]
Keys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.parse_list), AfterValidator(values.parse_keys)]
RateText = Annotated[str, _validate_with(parse_rate)]
PoolSize = Annotated[str, _validate_with(lambda text: parse_pool_size(text, 1))]
Url = Annotated[str | None, AfterValidator(lambda url: parse_http_url(url) if url else None)]
DatabaseUrl = Annotated[str | None, _validate_with(parse_database_url)]
ReceiptKey = Annotated[str | None, _validate_with(parse_receipt_key)]
File = Annotated[Path | None, AfterValidator(_require_file)]


class Settings(SecretsSettings):
    """All settings, described in docs/reference/settings.md. Their names have the prefix `INTEGRAHUB_`."""

    is_strict: ClassVar[bool] = True

    database_url: DatabaseUrl = Field(None, repr=False, validation_alias=accept_names("DATABASE_URL"))
    console: bool = False
    console_database_url: DatabaseUrl = Field(None, repr=False)
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
    storage_endpoint: str | None = Field(None, validation_alias=accept_names("STORAGE_ENDPOINT"))
    storage_access_key: str | None = Field(None, repr=False, validation_alias=accept_names("STORAGE_ACCESS_KEY"))
    storage_secret_key: str | None = Field(None, repr=False, validation_alias=accept_names("STORAGE_SECRET_KEY"))
    storage_ca: File = None
    storage_bucket: str = Field("integrahub-batches", validation_alias=accept_names("STORAGE_BUCKET"))
    storage_use_ssl: bool = Field(False, validation_alias=accept_names("STORAGE_USE_SSL"))
    body_retention_days: int = Field(30, ge=0, le=3650)
    chunk_retention_days: int = Field(7, ge=0, le=3650)
    chunk_row_retention_days: int = Field(30, ge=0, le=3650)
    report_retention_days: int = Field(90, ge=0, le=3650)
    batch_retention_days: int = Field(400, ge=0, le=3650)
    dry_run_days: int = Field(7, ge=0, le=3650)
    history: bool = True
    history_days: int = Field(90, ge=1, le=1000)
    stock_history_days: int = Field(7, ge=1, le=1000)
    feed_days: int = Field(7, ge=1, le=1000)
    cold_class: str = "GLACIER_IR"
    storage_frames: str = Field("auto", pattern="^(auto|off)$")
    storage_quota: Size | None = Field(None, ge=1)
    data_dir: Path = Path("integrahub-data")
    data_dir_mode: Mode = 0o700
    postgres_bin: Path | None = None
    postgres_password: str | None = Field(None, min_length=20, repr=False)
    host: Host = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    admin_api_key: Key = Field(None, repr=False, validation_alias=accept_names("ADMIN_API_KEY"))
    key_pepper: str | None = Field(None, repr=False)
    receipt_key: ReceiptKey = Field(None, repr=False)
    keep_admin_key: bool = False
    allow_weak_keys: bool = False
    valid_api_keys: Keys = Field((), repr=False, validation_alias=accept_names("VALID_API_KEYS"))
    kernel: str = Field("auto", pattern="^(auto|off)$")
    chunk_size: int = Field(1000, ge=1, le=50_000, validation_alias=accept_names("CHUNK_SIZE"))
    max_payload_size: Size = Field(200 * 1024 * 1024, ge=1, validation_alias=accept_names("MAX_PAYLOAD_SIZE"))
    max_record_size: int = Field(64 * 1024, ge=256)
    max_chunk_retries: int = Field(3, ge=1, le=20, validation_alias=accept_names("MAX_CHUNK_RETRIES"))
    replay_rate: int = Field(20, ge=1, le=10_000)
    split_window: int = Field(2, ge=1, le=1000)
    full_window_minutes: int = Field(0, ge=0, le=1440, validation_alias=accept_names("FULL_WINDOW_MINUTES"))
    deactivation_limit: Share = Field(0.15, ge=0, le=1)
    min_upsert_workers: int = Field(2, ge=1, le=256, validation_alias=accept_names("MIN_UPSERT_WORKERS"))
    max_backlog_per_pharmacy: int = Field(5_000_000, ge=0)
    max_backlog: int = Field(20_000_000, ge=0)
    max_upsert_workers: int = Field(16, ge=1, le=256, validation_alias=accept_names("MAX_UPSERT_WORKERS"))
    min_api: int = Field(2, ge=1, le=64)
    max_api: int = Field(10, ge=1, le=64)
    scale_check_interval: Seconds = Field(10.0, ge=0.1, le=3600, validation_alias=accept_names("SCALE_CHECK_INTERVAL"))
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
    public_url: Url = None
    webhook_allow: Targets = AllowedTargets()
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
    console_totp: str = Field("optional", pattern="^(off|optional|required)$")
    failed_sign_in_limit: RateText = "20/hour"
    address_retention_days: int = Field(180, ge=1, le=3650)
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
        """Return the sources of SecretsSettings, and after them the secret store."""
        sources = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        own = super().settings_customise_sources(settings_cls, *sources)
        return (*own, *(list_store_sources(settings_cls) if cls.reads_secrets else ()))

    @model_validator(mode="wrap")
    @classmethod
    def _report_all(cls, values: Any, handler: ModelWrapValidatorHandler["Settings"]) -> "Settings":
        """Report all invalid settings in one error, with misspelt names and contradictory pairs."""
        fields = map_names_to_fields(Settings)
        unknown = find_unknown_names(fields) if cls.is_strict else {}
        errors = [_build_error(name, "", advice) for name, advice in unknown.items()]
        try:
            settings = handler(values)
        except ValidationError as error:
            for detail in error.errors():
                field = fields.get(str(detail["loc"][0]).upper(), str(detail["loc"][0]))
                shown = detail["input"] if cls.model_fields[field].repr else "(not shown)"
                errors.append(_build_error(f"INTEGRAHUB_{field.upper()}", shown, detail["msg"]))
            raise ValidationError.from_exception_data(cls.__name__, errors) from None
        errors += settings._find_contradictions() if cls.is_strict else []
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return settings

    def _find_contradictions(self) -> list[InitErrorDetails]:
        """Return an error for each pair of settings, both given, whose lower bound exceeds the upper one."""
        given = [(low, high) for low, high in _BOUNDS if {low, high} <= self.model_fields_set]
        given += [pair for pair in _FEED_BOUNDS if {*pair} & self.model_fields_set]
        pairs = [(low, getattr(self, low), high, getattr(self, high)) for low, high in given]
        return [
            _build_error(f"INTEGRAHUB_{low.upper()}", minimum, f"INTEGRAHUB_{high.upper()} is {maximum}, which is less")
            for low, minimum, high, maximum in pairs
            if minimum > maximum
        ]

    @property
    def umask(self) -> int:
        """The file mode creation mask of the process."""
        return 0o777 & ~self.data_dir_mode

    @property
    def weak_keys(self) -> list[str]:
        """Names of the settings whose keys are easy to guess."""
        chosen = {"INTEGRAHUB_ADMIN_API_KEY": (self.admin_api_key,), "INTEGRAHUB_VALID_API_KEYS": self.valid_api_keys}
        return [name for name, keys in chosen.items() if any(key and is_weak(key) for key in keys)]

    @property
    def known_secrets(self) -> frozenset[str]:
        """Values that log lines must not contain."""
        secrets = (
            self.admin_api_key,
            self.key_pepper,
            self.receipt_key,
            self.key,
            self.postgres_password,
            self.storage_secret_key,
            self.kafka_password,
        )
        vault = (self.vault_token, self.vault_secret_id)
        return frozenset(filter(None, (*secrets, *vault, *self.valid_api_keys)))

    @property
    def own_url(self) -> str:
        """URL of the API on this machine."""
        return local_url("https" if self.tls_cert else "http", self.host, self.port)

    @property
    def is_insight_public(self) -> bool:
        """Whether metrics and details of /health are visible without a key."""
        return is_loopback(self.host) if self.metrics_public is None else self.metrics_public

    def pool_sizes(self, role: str) -> tuple[int, int]:
        """Return the minimum and maximum of connections of a process of `role`: `api` or `worker`."""
        maximum = parse_pool_size(self.pool_max_size, 8).of(role)
        return min(maximum, parse_pool_size(self.pool_min_size, 2).of(role)), maximum


_BOUNDS = (
    ("min_upsert_workers", "max_upsert_workers"),
    ("min_api", "max_api"),
    ("scale_remove_under", "scale_add_over"),
    ("api_remove_under", "api_add_over"),
    ("max_record_size", "max_payload_size"),
)

# The feed reads both kinds of changes. These have defaults that fit each other, so one given setting may contradict.
_FEED_BOUNDS = (("feed_days", "history_days"), ("feed_days", "stock_history_days"))


def _build_error(name: str, value: object, message: str) -> InitErrorDetails:
    # The message is a parameter of the template, since it may contain braces.
    error = PydanticCustomError("setting", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=(name,), input=value)
