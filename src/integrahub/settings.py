"""The only reader of the environment: every setting, once, as small frozen values."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from integrahub.domain.limits import parse_rate


def _named(*old: str) -> AliasChoices:
    """The prefixed name first, then the names of the older hub."""
    return AliasChoices(f"INTEGRAHUB_{old[0]}", *old)


class Settings(BaseSettings):
    """Every setting; names carry the prefix `INTEGRAHUB_`. Described in docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix="INTEGRAHUB_", frozen=True, populate_by_name=True, extra="ignore")

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
    kafka_options: str = Field("", repr=False)
    storage_url: str | None = None
    storage_endpoint: str | None = Field(None, validation_alias=_named("STORAGE_ENDPOINT"))
    storage_access_key: str | None = Field(None, repr=False, validation_alias=_named("STORAGE_ACCESS_KEY"))
    storage_secret_key: str | None = Field(None, repr=False, validation_alias=_named("STORAGE_SECRET_KEY"))
    storage_bucket: str = Field("integrahub-batches", validation_alias=_named("STORAGE_BUCKET"))
    storage_use_ssl: bool = Field(False, validation_alias=_named("STORAGE_USE_SSL"))
    body_retention_days: int = Field(30, ge=0, le=3650)
    chunk_retention_days: int = Field(7, ge=0, le=3650)
    cold_class: str = "GLACIER_IR"
    storage_quota: int | None = Field(None, ge=1)
    data_dir: Path = Path("integrahub-data")
    postgres_bin: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    secrets_dir: Path | None = None
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
    pool_size: int = Field(8, ge=2, le=200)
    verify_cnpj: bool = True
    max_inflation: int = Field(500, ge=1)
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
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment, then files of the folder SECRETS_DIR, each named as its setting."""
        folder = os.environ.get("INTEGRAHUB_SECRETS_DIR")
        files = (SecretsSettingsSource(settings_cls, folder),) if folder else ()
        return (init_settings, env_settings, *files)

    @property
    def own_url(self) -> str:
        """Where this machine reaches the API."""
        return f"{'https' if self.tls_cert else 'http'}://{self.host}:{self.port}"

    @field_validator("scale_check_interval", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        """Seconds, or with `ms` or `s`; a bare number of 1000 and more is what the older hub wrote: milliseconds."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?", str(value).strip().lower())
        if match is None:
            return value
        number = float(match[1])
        return number / 1000 if match[2] == "ms" or (not match[2] and number >= 1000) else number

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

    @field_validator("max_payload_size", "storage_quota", "api_memory", mode="before")
    @classmethod
    def _size(cls, value: object) -> object:
        match = re.fullmatch(r"(\d+)\s*(k|m|g|t)i?b?", str(value).strip().lower())
        return int(match[1]) << {"k": 10, "m": 20, "g": 30, "t": 40}[match[2]] if match else value

    @field_validator("valid_api_keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        return tuple(k.strip() for k in value.split(",") if k.strip()) if isinstance(value, str) else value
