"""Choice of storage, bus and dialect by the settings; no other module imports a concrete adapter.

An optional dependency is imported only when an adapter that needs it is chosen.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from integrahub.bus.base import Bus
from integrahub.bus.kafka.config import KafkaOptions, client_options
from integrahub.bus.postgres import PostgresBus
from integrahub.db.database import Database
from integrahub.domain.dialects.base import Dialect, KernelUnavailable, RecordKernel
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.domain.errors import ConfigurationError, missing_extra
from integrahub.domain.events import BATCHES_RECEIVED, CHUNKS_READY
from integrahub.domain.steps import GROUPS
from integrahub.settings.model import Settings
from integrahub.storage.base import Storage
from integrahub.storage.files import FileStorage
from integrahub.storage.s3.config import S3Config, s3_config

if TYPE_CHECKING:
    from integrahub.bus.kafka.bus import KafkaBus
    from integrahub.storage.s3.lifecycle import BucketLifecycle, RetentionDays


def _storage_url(settings: Settings) -> str:
    """Return STORAGE_URL, or the URL that the older hub's settings describe, or that of the data folder."""
    if settings.storage_url:
        return settings.storage_url
    if endpoint := settings.storage_endpoint:
        scheme = "https" if settings.storage_use_ssl else "http"
        return f"s3://{settings.storage_bucket}?endpoint={endpoint if '://' in endpoint else f'{scheme}://{endpoint}'}"
    return f"file://{(settings.data_dir / 'objects').absolute()}"


def is_s3(settings: Settings) -> bool:
    """Return whether objects are stored in a bucket."""
    return _storage_url(settings).startswith("s3://")


def find_objects_folder(settings: Settings) -> Path | None:
    """Return the local folder of the objects; None if they are in a bucket."""
    return None if is_s3(settings) else Path(_storage_url(settings).removeprefix("file://"))


def build_dialect(settings: Settings) -> Dialect:
    """Return the dialect of the ERPs that post to this hub, with its kernel if there is one and KERNEL allows it."""
    return InovaFarma(load_kernel() if settings.kernel == "auto" else None)


def load_kernel() -> RecordKernel | None:
    """Return the compiled kernel of the dialect; None if it is not built for this platform and version."""
    try:
        return InovaFarmaKernel()
    except KernelUnavailable:
        return None


def describe_kernel(settings: Settings) -> str:
    """Return what reads records: the kernel, or Python with the reason."""
    if settings.kernel == "off":
        return "pure Python: INTEGRAHUB_KERNEL is off"
    try:
        return f"compiled kernel, version {InovaFarmaKernel().version}"
    except KernelUnavailable as error:
        return f"pure Python: {error}"


def open_storage(settings: Settings) -> Storage:
    """Return the storage of bodies and chunks. Raise ConfigurationError if STORAGE_URL is invalid."""
    url = _storage_url(settings)
    if is_s3(settings):
        with require_extra("s3"):
            from integrahub.storage.s3.objects import S3Storage
        return S3Storage(_s3_config(settings))
    if not url.startswith("file:///"):
        raise ConfigurationError(
            f"INTEGRAHUB_STORAGE_URL is {url!r}; expected file:///an/absolute/folder or "
            "s3://bucket?endpoint=http://host:9000."
        )
    return FileStorage(Path(url.removeprefix("file://")))


def open_no_storage(settings: Settings) -> Storage:
    """Return a storage for a process that stores and reads nothing: the folder that would be used without S3."""
    return FileStorage(settings.data_dir.absolute() / "objects")


def open_bucket_lifecycle(settings: Settings) -> "tuple[BucketLifecycle, RetentionDays] | None":
    """Return the lifecycle of the bucket, and the retention that the settings ask for; None for local files."""
    if not is_s3(settings):
        return None
    with require_extra("s3"):
        from integrahub.storage.s3.lifecycle import BucketLifecycle, RetentionDays
    days = settings.body_retention_days, settings.chunk_retention_days
    return BucketLifecycle(_s3_config(settings)), RetentionDays(*days, settings.cold_class)


def _s3_config(settings: Settings) -> S3Config:
    keys = settings.storage_access_key, settings.storage_secret_key
    return s3_config(_storage_url(settings), *keys, authority=settings.storage_ca)


async def renew_credentials(settings: Settings, storage: Storage, bus: Bus) -> None:
    """Hand the credentials of `settings` to the adapters that have any."""
    if is_s3(settings) and not isinstance(storage, FileStorage):
        from integrahub.storage.s3.objects import S3Storage

        assert isinstance(storage, S3Storage)
        storage.renew(_s3_config(settings))
    if isinstance(bus, PostgresBus):
        await bus.renew()
    else:
        from integrahub.bus.kafka.bus import KafkaBus

        assert isinstance(bus, KafkaBus)
        bus.renew(_kafka_options(settings))


@contextmanager
def require_extra(name: str) -> Iterator[None]:
    """Raise ConfigurationError if an import in the block fails: the extra `name` is not installed."""
    try:
        yield
    except ImportError as error:
        raise missing_extra(error.name or name, name) from error


def open_bus(settings: Settings, database: Database) -> Bus:
    """Return the bus. Raise ConfigurationError if BUS_URL is invalid."""
    if settings.bus_url == "local":
        return PostgresBus(database)
    options = _kafka_options(settings)
    with require_extra("kafka"):
        from integrahub.bus.kafka.bus import KafkaBus
    return KafkaBus(options)


def _kafka_options(settings: Settings) -> KafkaOptions:
    brokers = settings.bus_url.removeprefix("kafka://").strip("/")
    if not settings.bus_url.startswith("kafka://") or not brokers:
        raise ConfigurationError(
            f"INTEGRAHUB_BUS_URL is {settings.bus_url!r}; expected `local` or kafka://host:9092,host:9092."
        )
    partitions = {BATCHES_RECEIVED: settings.kafka_batches_partitions, CHUNKS_READY: settings.kafka_chunks_partitions}
    return KafkaOptions(
        brokers,
        partitions,
        replication=settings.kafka_replication,
        prefix=settings.kafka_prefix,
        protocol=settings.kafka_protocol,
        compression=settings.kafka_compression,
        fetch_min_bytes=settings.kafka_fetch_min_bytes,
        fetch_wait_ms=settings.kafka_fetch_wait_ms,
        instance=settings.kafka_instance,
        username=settings.kafka_username,
        password=settings.kafka_password,
        client=client_options(settings.kafka_options),
    )


async def create_topics(settings: Settings) -> list[str] | None:
    """Create the missing topics and return their names; None if the bus has no topics."""
    if settings.bus_url == "local":
        return None
    async with _open_kafka(settings) as bus:
        return await bus.create_missing(list(GROUPS))


async def count_brokers(settings: Settings) -> int | None:
    """Return the number of Kafka brokers; None if the bus is local. Raise Transient if none answers."""
    if settings.bus_url == "local":
        return None
    async with _open_kafka(settings) as bus:
        return await bus.count_brokers()


@asynccontextmanager
async def _open_kafka(settings: Settings) -> "AsyncIterator[KafkaBus]":
    options = _kafka_options(settings)
    with require_extra("kafka"):
        from integrahub.bus.kafka.bus import KafkaBus
    bus = KafkaBus(options)
    try:
        yield bus
    finally:
        await bus.close()
