"""Restoration of a backup in an empty data folder, and its check: every catalogue is rebuilt from its bodies."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from integrahub import __version__
from integrahub.db.accounts import pharmacies
from integrahub.db.embedded.binaries import find, major_version
from integrahub.db.embedded.folder_lock import take_folder
from integrahub.db.embedded.leftovers import RESTORED
from integrahub.db.embedded.logins import url_as
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.db.schema.scripts import migrations
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import NotFound
from integrahub.hub.adapters import find_objects_folder, is_s3
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.hub import Hub
from integrahub.operations.verify import Verification
from integrahub.settings.model import Settings
from integrahub.storage.private_folder import make_private_folder
from integrahub.tools.backup.backup import DATABASE, OBJECTS, SECRETS, Report
from integrahub.tools.backup.errors import BackupDamaged, BackupRefused, reading, writing
from integrahub.tools.backup.files import extract, file_name, flush, open_archive
from integrahub.tools.backup.manifest import BackupFile, Manifest, check_sizes, read_manifest, unseal
from integrahub.tools.backup.threads import Check, run_in_thread
from integrahub.tools.terminal.language import select_text

_CLUSTER = Path("postgres", "cluster")
_PHARMACIES_PER_PAGE = 500
_OBJECTS_IN_BUCKET = (
    "Os objetos do hub deste backup estavam em um bucket, e por isso o backup não os tem. Sem eles, o hub restaurado "
    "não acharia nenhum corpo. Defina INTEGRAHUB_STORAGE_URL (s3://...) com esse bucket ou uma cópia dele, e restaure "
    "de novo.",
    "The objects of this backup's hub were in a bucket, so the backup has none. Without them, the restored hub would "
    "find no body. Set INTEGRAHUB_STORAGE_URL (s3://...) to that bucket or a copy of it, and restore again.",
)
VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Restoration:
    """What to restore: the folder of the backup, its key, and the file of its secrets; None: restore no secrets."""

    folder: Path
    key: bytes | None = None
    secrets: Path | None = None


async def restore_backup(settings: Settings, wanted: Restoration, report: Report) -> Manifest:
    """Restore a backup to DATA_DIR.

    Raise BackupRefused or ConfigurationError before anything is written, BackupDamaged or BackupFailed after the
    removal of all that was.
    """
    manifest = read_manifest(wanted.folder)
    await asyncio.to_thread(_check_version, settings, manifest)
    _check_settings(settings, manifest)
    backup_key = await asyncio.to_thread(unseal, manifest, wanted.key)
    archives = _list_archives(manifest, wanted)
    with _new_data_folder(settings) as cluster:
        modes = {DATABASE: 0o700, OBJECTS: settings.data_dir_mode}  # the data folder has its own already
        targets = {DATABASE: cluster, OBJECTS: find_objects_folder(settings), SECRETS: settings.data_dir}
        for kind, path, entry in archives:
            report(kind, 0, 1)
            if target := targets[kind]:
                await run_in_thread(partial(_extract, path, entry, (kind, backup_key), target))
                if kind in modes:
                    target.chmod(modes[kind])
            report(kind, 1, 1)
        cluster.rename(settings.data_dir / _CLUSTER)
    return manifest


def _check_settings(settings: Settings, manifest: Manifest) -> None:
    """Refuse settings with which the hub would not use what is restored."""
    if settings.database_url:
        raise BackupRefused(
            "INTEGRAHUB_DATABASE_URL (or its name without the prefix) is set, so the hub would use that database and "
            "not the restored one. Unset it: a backup is restored to the embedded database."
        )
    objects = file_name(OBJECTS, is_sealed=manifest.sealed is not None)
    has_objects = any(file.name == objects for file in manifest.files)
    if not has_objects and not is_s3(settings):
        raise BackupRefused(select_text(*_OBJECTS_IN_BUCKET))
    if has_objects and is_s3(settings):
        raise BackupRefused(
            f"The backup has objects ({objects}), and the settings STORAGE_... name a bucket, from which "
            "the hub would read instead. Unset them to restore the objects to the data folder."
        )


def _check_version(settings: Settings, manifest: Manifest) -> None:
    ours = {script.name for script in migrations()}
    if unknown := [name for name in manifest.migrations if name not in ours]:
        raise BackupRefused(
            f"The backup is of IntegraHub {manifest.version}, whose schema has {unknown[0]}. This is {__version__}, "
            "which does not know it. Restore with that version or a newer one."
        )
    major = major_version(find(settings.postgres_bin))
    if major != manifest.postgresql:
        raise BackupRefused(
            f"The backup is of PostgreSQL {manifest.postgresql}, and the programs here are PostgreSQL {major}. Set "
            f"INTEGRAHUB_POSTGRES_BIN to programs of PostgreSQL {manifest.postgresql}."
        )


def _list_archives(manifest: Manifest, wanted: Restoration) -> list[tuple[str, Path, BackupFile]]:
    """Return kind, path and entry of each archive to restore, after a check of their sizes."""
    found = []
    for kind in (DATABASE, OBJECTS, SECRETS):
        name = file_name(kind, is_sealed=manifest.sealed is not None)
        entry = next((file for file in manifest.files if file.name == name), None)
        path = wanted.secrets if kind == SECRETS else wanted.folder / name
        if entry is None and kind == DATABASE:
            raise BackupDamaged("backup.json names no database. Restore from another backup.")
        if entry and path:
            if kind == SECRETS and not path.is_file():
                raise BackupRefused(
                    f"There is no {path}. Name the file with the secrets: --secrets FILE. Without it "
                    "(--without-secrets), a new pepper makes every API key and webhook secret invalid."
                )
            check_sizes(path, entry)
            found.append((kind, path, entry))
    return found


@contextmanager
def _new_data_folder(settings: Settings) -> Iterator[Path]:
    """Lock the data folder, yield a new folder in it for the cluster, and remove all of it if the block fails."""
    folder, objects = settings.data_dir, find_objects_folder(settings)
    is_own, lock_folder = not folder.exists(), folder / "postgres"
    if (lock_folder / "lock").exists():
        take_folder(lock_folder).close()  # a running hub is a better reason than its files
    _check_empty(folder, objects)
    with writing(folder):
        make_private_folder(folder, settings.data_dir_mode)
    with take_folder(lock_folder):
        # Another hub may have begun meanwhile; while the lock is held, all that comes is of this restoration.
        _check_empty(folder, objects, allowed=(lock_folder, lock_folder / "lock"))
        cluster = lock_folder / RESTORED
        try:
            with writing(folder):
                cluster.mkdir(mode=0o700)
            yield cluster
        except BaseException:
            _remove(folder, objects, whole=is_own)
            raise


def _check_empty(data: Path, objects: Path | None, allowed: tuple[Path, ...] = ()) -> None:
    """Raise BackupRefused if a folder has more than a .gitignore and the allowed entries."""
    for folder in (data, *(path for path in allowed if path.is_dir()), *([objects] if objects else [])):
        with reading(folder):
            entries = [path for path in folder.iterdir() if path not in allowed] if folder.is_dir() else []
        names = sorted(path.name for path in entries if path.name != ".gitignore")
        if names:
            raise BackupRefused(
                f"{folder} is not empty ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}). A backup is "
                "restored to a new or empty folder: name one with --data, or move this one away."
            )


def _remove(folder: Path, objects: Path | None, *, whole: bool) -> None:
    """Remove all that the restoration wrote; keep a folder that was there before."""
    for target in (folder, objects) if objects and not objects.is_relative_to(folder) else (folder,):
        for entry in target.iterdir() if target and target.is_dir() else ():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    if whole:
        folder.rmdir()


def _extract(path: Path, entry: BackupFile, source: tuple[str, bytes | None], target: Path, check: Check) -> None:
    kind, backup_key = source
    with writing(target):
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open_archive(path, entry, kind, backup_key) as archive:
            extract(archive, target, check)
        flush(target, check)


async def verify_restored(settings: Settings, report: Report, add: Callable[[str, Verification], None]) -> None:
    """Recover the restored database, bring its schema up to date, and hand the check of each catalogue to `add`."""
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin, settings.postgres_password)
    url = await postgres.start()
    try:
        await migrate(url)
        # No message is published or consumed, so the check needs no Kafka.
        opened = settings.model_copy(update={"database_url": url_as(url, DatabaseRole.WORKER), "bus_url": "local"})
        async with open_hub(opened, "integrahub restore", DatabaseRole.WORKER) as hub:
            await _verify_all(hub, report, add)
    finally:
        await postgres.stop()


async def _verify_all(hub: Hub, report: Report, add: Callable[[str, Verification], None]) -> None:
    after, done = "", 0
    while page := await pharmacies.fetch_page(hub.all_tenants, after, _PHARMACIES_PER_PAGE):
        for pharmacy in page:
            with suppress(NotFound):  # no batch of it was ever applied
                add(pharmacy.cnpj, await hub.verify()(pharmacy.cnpj, lambda read, total: None))
            done += 1
            report(VERIFY, done, None)
        after = page[-1].cnpj
    if done:
        report(VERIFY, done, done)
