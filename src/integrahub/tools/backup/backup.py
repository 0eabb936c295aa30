"""Backup of an embedded hub, whether it runs or not: database first, then objects, which never change, then secrets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from integrahub import __version__
from integrahub.db.connections import connect
from integrahub.db.embedded import logins
from integrahub.db.embedded.base_backup import BaseBackup
from integrahub.db.embedded.binaries import find
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.scripts import is_repeatable
from integrahub.db.schema.version import fetch_applied
from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.adapters import find_objects_folder
from integrahub.secrets.local import PEPPER_FILE, SECRETS_FOLDER
from integrahub.settings.model import Settings
from integrahub.tools.backup.errors import BackupRefused, reading
from integrahub.tools.backup.files import BackupWriter, write_folders
from integrahub.tools.backup.manifest import FORMAT, BackupFile, Manifest, Sealed, seal, write_manifest
from integrahub.tools.backup.threads import Check, run_in_thread

DATABASE, OBJECTS, SECRETS = "database", "objects", "secrets"
TLS_FOLDER = "tls"
Report = Callable[[str, int, int | None], None]  # what is copied, bytes or files done, in all if known


@dataclass(frozen=True, slots=True)
class BackupResult:
    """A finished backup; `objects` is the number of copied objects, None if they are in a bucket."""

    folder: Path
    manifest: Manifest
    objects: int | None


async def make_backup(settings: Settings, folder: Path, key: bytes | None, report: Report) -> BackupResult:
    """Write a backup of the hub on DATA_DIR to a new folder.

    Raise BackupRefused if the hub has no embedded database or the folder is not empty. A backup that fails leaves its
    files without a manifest.
    """
    _check_source(settings)
    _create_folder(folder, settings.data_dir)
    sealed, backup_key = seal(key) if key else (None, None)
    started_at = datetime.now(UTC)
    with BackupWriter(folder, DATABASE, backup_key) as writer:
        database = await _copy_database(settings, writer, report)
        files, counts = [await asyncio.to_thread(writer.close)], {}
    for kind, root, names in list_sources(settings):
        with BackupWriter(folder, kind, backup_key) as writer:
            entry, counts[kind] = await run_in_thread(partial(_copy, writer, root, names))
        files.append(entry)
        report(kind, counts[kind], counts[kind])
    manifest = _describe(started_at, database, files, sealed)
    write_manifest(folder, manifest, backup_key)
    return BackupResult(folder, manifest, counts.get(OBJECTS))


@dataclass(frozen=True, slots=True)
class _Database:
    """What the copy of the database holds."""

    covers_until: datetime
    migrations: list[str]
    postgresql: int


async def _copy_database(settings: Settings, writer: BackupWriter, report: Report) -> _Database:
    async with _open_logins(settings) as url_of:
        migrations, major = await _fetch_schema(url_of(DatabaseRole.WORKER))
        base = BaseBackup(
            find(settings.postgres_bin),
            url_of(logins.BACKUP),
            writer.write,
            lambda done, total: report(DATABASE, done, total),
        )
        return _Database(await base.run(), migrations, major)


def _describe(started_at: datetime, database: _Database, files: list[BackupFile], sealed: Sealed | None) -> Manifest:
    return Manifest(
        format=FORMAT,
        id=uuid4(),
        version=__version__,
        postgresql=database.postgresql,
        migrations=database.migrations,
        started_at=started_at,
        covers_until=database.covers_until,
        ended_at=datetime.now(UTC),
        files=files,
        sealed=sealed,
    )


def _check_source(settings: Settings) -> None:
    if settings.database_url:
        raise BackupRefused(
            "INTEGRAHUB_DATABASE_URL (or its name without the prefix) is set, so this hub's database is not the "
            "embedded one. Back it up with the tools of its provider: docs/howto/backup.md has the steps."
        )
    pepper = settings.data_dir / SECRETS_FOLDER / PEPPER_FILE
    with reading(settings.data_dir):
        if not (settings.data_dir / "postgres" / "cluster").is_dir():
            raise BackupRefused(
                f"There is no hub in {settings.data_dir.absolute()}. Name the hub's folder with --data."
            )
        if not settings.key_pepper and not pepper.is_file():
            raise BackupRefused(
                f"There is no {pepper}, and INTEGRAHUB_KEY_PEPPER is not set. Restored without the pepper, every API "
                "key and webhook secret is invalid. Run the backup with the pepper of the hub, or start the hub once."
            )


def _create_folder(folder: Path, data_dir: Path) -> None:
    if folder.resolve().is_relative_to(data_dir.resolve()):
        raise BackupRefused(f"{folder} is inside the hub's own folder {data_dir}. Choose a folder on another disk.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise BackupRefused(f"{folder} is not empty. Each backup needs a new or empty folder.")
    except OSError as error:
        raise BackupRefused(f"{folder} cannot be written: {error.strerror}. Choose another folder.") from None


@asynccontextmanager
async def _open_logins(settings: Settings) -> AsyncIterator[Callable[[str], str]]:
    """Yield the URL of each login: of the running hub, or of a PostgreSQL started on its folder for this block."""
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin, settings.postgres_password)
    roles: tuple[str, ...] = (DatabaseRole.WORKER, logins.BACKUP)
    running = {role: await postgres.url_of_running(role) for role in roles}
    if all(running.values()):
        yield lambda role: running[role] or ""
        return
    url = await postgres.start()
    try:
        yield lambda role: logins.url_as(url, role)
    finally:
        await postgres.stop()


async def _fetch_schema(url: str) -> tuple[list[str], int]:
    """Return the names of the applied migrations, and PostgreSQL's major version."""
    async with await connect(url) as connection:
        applied = await fetch_applied(connection) or []
        names = sorted(script.name for script in applied if not is_repeatable(script.name))
        return names, connection.info.server_version // 10_000


def list_sources(settings: Settings) -> list[tuple[str, Path, tuple[str, ...]]]:
    """Return the archives besides the database: kind, folder, and which folders in it."""
    sources: list[tuple[str, Path, tuple[str, ...]]] = [(SECRETS, settings.data_dir, (SECRETS_FOLDER, TLS_FOLDER))]
    if objects := find_objects_folder(settings):
        sources.insert(0, (OBJECTS, objects, ("",)))
    return sources


def _copy(writer: BackupWriter, root: Path, names: tuple[str, ...], check: Check) -> tuple[BackupFile, int]:
    count = write_folders(writer, root, names, check)
    return writer.close(), count


def list_secrets_in_settings(settings: Settings) -> list[str]:
    """Return the names of secrets that are settings, so that no file of the data folder holds them."""
    values = {
        "ADMIN_API_KEY": settings.admin_api_key,
        "KEY_PEPPER": settings.key_pepper,
        "RECEIPT_KEY": settings.receipt_key,
    }
    return [name for name, value in values.items() if value]
