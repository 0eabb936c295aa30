"""What `integrahub doctor` looks at on this machine and asks of the services the hub depends on."""

import asyncio
import os
import resource
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from psycopg import OperationalError

from integrahub.cli.connect import load_trusted
from integrahub.db.connections import connect
from integrahub.db.embedded import binaries
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.version import check_schema
from integrahub.db.urls import first_line, shown_database
from integrahub.hub import adapters
from integrahub.hub.bootstrap import check_settings
from integrahub.hub.credentials import resolve_login
from integrahub.secrets.secret_files import kept_secret
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.settings.secret_sources import open_secret_store, read_secret_files
from integrahub.storage.private_folder import excess_mode
from integrahub.web.tls import Certificate

_FREE = 5 << 30  # bytes of disk under which a catalogue load may not fit
_FILES = 1024  # descriptors under which many posts at once are refused
_SOON = timedelta(days=14)  # until a certificate ends
_SECRET_FILES = ("pepper.key", "admin.key")


class CheckFailed(Exception):
    """What is wrong, and what to do."""


class Stopped(Exception):
    """What does not run, which may be as it should be."""


def python(settings: Settings) -> str:
    """Say which Python runs the hub."""
    return f"{sys.version.split()[0]} at {sys.executable}"


def choices(settings: Settings) -> str:
    """Check that the settings name a bus, a storage and an address that this version has and may use."""
    check_settings(settings)
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    return f"bus {settings.bus_url}, storage {settings.storage_url or 'local files'}"


def folder(settings: Settings) -> str:
    """Check that the data folder can be written, has room, and is closed to other accounts."""
    place = settings.data_dir.absolute()
    nearest = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        raise CheckFailed(f"{nearest} cannot be written. Choose another folder with INTEGRAHUB_DATA_DIR or --data.")
    if (wide := excess_mode(place, settings.data_dir_mode)) and place.is_dir():
        raise CheckFailed(
            f"{place} has mode {wide}: other accounts of this machine may list it. Run: "
            f"chmod {settings.data_dir_mode:o} '{place}'. Where a group shares it on purpose, set "
            "INTEGRAHUB_DATA_DIR_MODE=0750."
        )
    free = shutil.disk_usage(nearest).free
    if free < _FREE:
        raise CheckFailed(f"{nearest} has {free >> 20} MB free; at least {_FREE >> 20} MB are wanted. Make room.")
    return f"{place} ({free >> 30} GB free)"


def secrets(settings: Settings) -> str:
    """Check that the keeper of secrets answers and that no secret file is damaged."""
    for name in _SECRET_FILES:
        if (settings.data_dir / name).exists():
            kept_secret(settings.data_dir / name)
    told = (
        [f"{settings.secrets_dir} ({', '.join(read_secret_files(settings.secrets_dir))})"]
        if settings.secrets_dir
        else []
    )
    if kept := open_secret_store(settings):
        names = (name.removeprefix("INTEGRAHUB_") for name in kept.values())
        told.append(f"{settings.secrets} answers ({', '.join(names)})")
        if settings.database_login:
            kept.credentials(settings.database_login)
    return f"from {'; '.join([*told, 'the environment', str(settings.data_dir)])}"


def postgresql(settings: Settings) -> str:
    """Ask the database, and check that this version can work on its schema."""
    return asyncio.run(_postgresql(settings))


async def _postgresql(settings: Settings) -> str:
    url = resolve_login(settings).database_url
    if not url:
        programs = binaries.find(settings.postgres_bin)
        place = settings.data_dir / "postgres"
        url = await EmbeddedPostgres(place, settings.postgres_bin, settings.postgres_password).url_of_running()
        if url is None:
            raise Stopped(f"embedded, does not run, from {programs}")
    try:
        connection = await connect(url)
    except OperationalError as error:
        raise CheckFailed(
            f"{shown_database(url)} does not answer: {first_line(error)}. Check DATABASE_URL and that it runs."
        ) from error
    async with connection:
        await check_schema(connection)
        line = "over TLS" if connection.pgconn.ssl_in_use else "without TLS"
        return f"{shown_database(url)} answers {line}, version {connection.info.server_version // 10000}"


def bus(settings: Settings) -> str:
    """Ask the brokers of Kafka."""
    count = asyncio.run(adapters.count_brokers(settings))
    return "a table of the database" if count is None else f"{settings.bus_url} answers, {count} brokers"


def storage(settings: Settings) -> str:
    """Write and remove an object."""
    objects = adapters.objects_folder(settings)
    if objects and not objects.is_dir():
        return f"{objects}, made at the first start"
    try:
        asyncio.run(adapters.storage(settings).check())
    except OSError as error:
        raise CheckFailed(f"{objects} cannot be written: {error.strerror}. Check its owner, mode and disk.") from error
    return f"{objects or settings.storage_url or settings.storage_bucket} takes and removes objects"


def certificates(settings: Settings) -> str:
    """Check that certificates can be read, fit their keys, and do not end soon."""
    load_trusted(settings)
    told = [_certificate(settings.tls_cert, settings.tls_key)] if settings.tls_cert and settings.tls_key else []
    told += [_end_of(path) for path in (settings.ca, settings.storage_ca) if path]
    return "; ".join(told) or "none is set"


def _certificate(certificate: Path, key: Path) -> str:
    Certificate(certificate, key)  # ConfigurationError when they do not belong together
    return _end_of(certificate)


def _end_of(path: Path) -> str:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{path} holds no certificate: {error}. Expected a PEM file.") from error
    ends, now = min(each.not_valid_after_utc for each in found), datetime.now(UTC)
    if max(each.not_valid_before_utc for each in found) > now:
        raise CheckFailed(f"The certificate in {path} is not valid yet. Check the clock of this machine, or wait.")
    if ends < now:
        raise CheckFailed(f"The certificate in {path} ended on {ends:%Y-%m-%d}. Put a new one in its place.")
    if ends < now + _SOON:
        raise CheckFailed(f"The certificate in {path} ends on {ends:%Y-%m-%d}. Put a new one in its place before.")
    return f"{path} is valid until {ends:%Y-%m-%d}"


def limits(settings: Settings) -> str:
    """Check how many files may be open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        raise CheckFailed(f"Only {soft} files may be open at once. Raise it: ulimit -n 65536.")
    return f"{soft} open files"
