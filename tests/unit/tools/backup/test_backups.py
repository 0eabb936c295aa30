"""Backups that fail or are stopped: the file is named, and nothing goes on in the background."""

import asyncio
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import IO, Any

import pytest
from tests.small_backups import make_files, report

from integrahub.settings.model import Settings
from integrahub.tools.backup import backup, files
from integrahub.tools.backup.backup import BackupResult, make_backup
from integrahub.tools.backup.errors import BackupFailed, BackupRefused
from integrahub.tools.backup.manifest import MANIFEST


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a stopped hub whose database is not copied."""

    async def copy_no_database(*arguments: object) -> Any:
        return SimpleNamespace(covers_until=datetime.now(UTC), migrations=[], postgresql=18)

    monkeypatch.setattr(backup, "_copy_database", copy_no_database)
    (tmp_path / "hub" / "postgres" / "cluster").mkdir(parents=True)
    (tmp_path / "hub" / "secrets").mkdir()
    (tmp_path / "hub" / "secrets" / "pepper.key").write_text("pepper")
    make_files(tmp_path / "hub", "objects")
    return Settings(data_dir=tmp_path / "hub")


async def _back_up(settings: Settings, folder: Path) -> BackupResult:
    return await make_backup(settings, folder, None, report)


async def test_a_cancelled_backup_waits_for_its_thread(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on, add = [], Event(), tarfile.TarFile.add

    def add_slowly(archive: tarfile.TarFile, path: Path, name: str, *, recursive: bool) -> None:
        read.append(name)
        go_on.wait(10)
        add(archive, path, name, recursive=recursive)

    monkeypatch.setattr(tarfile.TarFile, "add", add_slowly)
    task = asyncio.create_task(_back_up(settings, tmp_path / "new"))
    while not read:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(read) == 1 and not (tmp_path / "new" / MANIFEST).exists()


async def test_a_full_disk_is_named(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_full(descriptor: int, mode: str) -> IO[bytes]:
        os.close(descriptor)
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(files, "open", open_full, raising=False)
    with pytest.raises(
        BackupFailed, match=r"/new/database\.tar\.zst cannot be written: No space left on device\. Free"
    ):
        await _back_up(settings, tmp_path / "new")


async def test_an_object_that_cannot_be_read_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(archive: tarfile.TarFile, path: Path, *arguments: object, **options: object) -> None:
        if path.is_file():
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tarfile.TarFile, "add", fail)
    with pytest.raises(
        BackupFailed, match=r"/hub/objects/00 cannot be read: Permission denied\. Run as the hub's account"
    ):
        await _back_up(settings, tmp_path / "new")


async def test_a_backup_without_the_pepper_is_refused(settings: Settings, tmp_path: Path) -> None:
    (settings.data_dir / "secrets" / "pepper.key").unlink()
    with pytest.raises(BackupRefused, match=r"There is no .*/pepper\.key, and INTEGRAHUB_KEY_PEPPER is not set"):
        await _back_up(settings, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    await _back_up(settings.model_copy(update={"key_pepper": "a pepper of the settings"}), tmp_path / "new")
