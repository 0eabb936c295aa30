"""Checks of this machine, the settings, and the services the hub depends on."""

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
from integrahub.console.assets import has_htmx
from integrahub.db.connections import connect
from integrahub.db.embedded import binaries
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.version import check_schema
from integrahub.db.urls import first_line, shown_database
from integrahub.hub import adapters
from integrahub.hub.bootstrap import check_settings
from integrahub.hub.credentials import resolve_login
from integrahub.secrets.secret_files import load_or_create_secret
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.settings.secret_sources import open_secret_store, read_secret_files
from integrahub.storage.private_folder import excess_mode
from integrahub.web.tls import Certificate

_MIN_FREE_BYTES = 5 << 30  # for the load of a catalogue
_MIN_OPEN_FILES = 1024
_EXPIRY_WARNING = timedelta(days=14)
_SECRET_FILES = ("pepper.key", "admin.key")


class CheckFailed(Exception):
    """A problem, with what to do about it."""


class Stopped(Exception):
    """A service does not run, which may be intended."""


def check_python(settings: Settings) -> str:
    """Return the version of Python."""
    return f"{sys.version.split()[0]} at {sys.executable}"


def check_kernel(settings: Settings) -> str:
    """Return what reads plain records. Pure Python is slower and no problem."""
    return adapters.describe_kernel(settings)


def check_choices(settings: Settings) -> str:
    """Check that bus, storage and address exist in this version and may be used."""
    check_settings(settings)
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    is_off = settings.public_url is None and settings.database_url is not None
    off = ", no webhooks (set INTEGRAHUB_PUBLIC_URL to send them)" if is_off else ""
    return f"bus {settings.bus_url}, storage {settings.storage_url or 'local files'}{off}"


def check_console(settings: Settings) -> str:
    """Check that the console can update its pages by itself."""
    if not has_htmx():
        raise Stopped(
            "htmx is not in the package: the console works, but its pages show changes only when they are loaded "
            "again. Run `make assets` (Node.js), or install a released wheel."
        )
    return "pages with live updates"


def check_data_folder(settings: Settings) -> str:
    """Check that the data folder is writable, private to its account, and has free space."""
    folder = settings.data_dir.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise CheckFailed(f"{nearest} is not writable. Choose another folder with INTEGRAHUB_DATA_DIR or --data.")
    if (mode := excess_mode(folder, settings.data_dir_mode)) and folder.is_dir():
        raise CheckFailed(
            f"{folder} has mode {mode}: other accounts of this machine may list it. Run: "
            f"chmod {settings.data_dir_mode:o} '{folder}'. If a group shares it on purpose, set "
            "INTEGRAHUB_DATA_DIR_MODE=0750."
        )
    free = shutil.disk_usage(nearest).free
    if free < _MIN_FREE_BYTES:
        raise CheckFailed(
            f"{nearest} has {free >> 20} MB free, expected at least {_MIN_FREE_BYTES >> 20} MB. Free some."
        )
    return f"{folder} ({free >> 30} GB free)"


def check_secrets(settings: Settings) -> str:
    """Check that the secret store answers and that no secret file is damaged."""
    for name in _SECRET_FILES:
        if (settings.data_dir / name).exists():
            load_or_create_secret(settings.data_dir / name)
    sources = []
    if settings.secrets_dir:
        sources.append(f"{settings.secrets_dir} ({', '.join(read_secret_files(settings.secrets_dir))})")
    if store := open_secret_store(settings):
        names = (name.removeprefix("INTEGRAHUB_") for name in store.values())
        sources.append(f"{settings.secrets} answers ({', '.join(names)})")
        if settings.database_login:
            store.credentials(settings.database_login)
    return f"from {'; '.join([*sources, 'the environment', str(settings.data_dir)])}"


def check_postgresql(settings: Settings) -> str:
    """Connect to the database, and check that this version can use its schema."""
    return asyncio.run(_check_postgresql(settings))


async def _check_postgresql(settings: Settings) -> str:
    url = resolve_login(settings).database_url
    if not url:
        programs = binaries.find(settings.postgres_bin)
        folder = settings.data_dir / "postgres"
        url = await EmbeddedPostgres(folder, settings.postgres_bin, settings.postgres_password).url_of_running()
        if url is None:
            raise Stopped(f"embedded, does not run, from {programs}")
    try:
        connection = await connect(url)
    except OperationalError as error:
        raise CheckFailed(
            f"{shown_database(url)} does not answer: {first_line(error)}. Check INTEGRAHUB_DATABASE_URL and that the "
            "server runs."
        ) from error
    async with connection:
        await check_schema(connection)
        security = "over TLS" if connection.pgconn.ssl_in_use else "without TLS"
        return f"{shown_database(url)} answers {security}, version {connection.info.server_version // 10000}"


def check_bus(settings: Settings) -> str:
    """Connect to the brokers of Kafka."""
    count = asyncio.run(adapters.count_brokers(settings))
    return "a table of the database" if count is None else f"{settings.bus_url} answers, {count} brokers"


def check_storage(settings: Settings) -> str:
    """Write and delete an object."""
    folder = adapters.find_objects_folder(settings)
    if folder and not folder.exists():
        return f"{folder}, created with its first object"
    try:
        asyncio.run(adapters.open_storage(settings).check())
    except OSError as error:
        raise CheckFailed(f"{folder} is not writable: {error.strerror}. Check its owner, mode and disk.") from error
    return f"{folder or settings.storage_url or settings.storage_bucket}: wrote and deleted an object"


def check_certificates(settings: Settings) -> str:
    """Check that certificates are readable, match their keys, and do not expire soon."""
    load_trusted(settings)
    results = []
    if settings.tls_cert and settings.tls_key:
        Certificate(settings.tls_cert, settings.tls_key)  # raises ConfigurationError if the key does not match
        results.append(_check_expiry(settings.tls_cert))
    results += [_check_expiry(path) for path in (settings.ca, settings.storage_ca) if path]
    return "; ".join(results) or "none is set"


def _check_expiry(path: Path) -> str:
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{path} holds no certificate: {error}. Expected a PEM file.") from error
    now, ends = datetime.now(UTC), min(certificate.not_valid_after_utc for certificate in certificates)
    if max(certificate.not_valid_before_utc for certificate in certificates) > now:
        raise CheckFailed(f"The certificate in {path} is not valid yet. Check the clock of this machine, or wait.")
    if ends < now:
        raise CheckFailed(f"The certificate in {path} ended on {ends:%Y-%m-%d}. Replace it with a new one.")
    if ends < now + _EXPIRY_WARNING:
        raise CheckFailed(f"The certificate in {path} ends on {ends:%Y-%m-%d}. Replace it with a new one before.")
    return f"{path} is valid until {ends:%Y-%m-%d}"


def check_limits(settings: Settings) -> str:
    """Check the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _MIN_OPEN_FILES:
        raise CheckFailed(f"Only {soft} files may be open at once. Raise the limit: ulimit -n 65536.")
    return f"{soft} open files"
