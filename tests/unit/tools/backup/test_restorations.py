"""Restorations that fail or are stopped: nothing of them stays, and nothing of others is removed."""

import asyncio
import fcntl
import hashlib
import tarfile
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.small_backups import FILES, report, write_backup
from typer.testing import CliRunner

from integrahub.cli.app import app
from integrahub.domain.errors import ConfigurationError
from integrahub.settings.model import Settings
from integrahub.tools.backup import restore
from integrahub.tools.backup.errors import BackupFailed, BackupRefused
from integrahub.tools.backup.files import BackupWriter, write_folders
from integrahub.tools.backup.manifest import BackupFile
from integrahub.tools.backup.restore import Restoration, restore_backup

_MAJOR = 18
_NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "find", lambda setting: Path())
    monkeypatch.setattr(restore, "major_version", lambda folder: _MAJOR)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return write_backup(tmp_path / "backup", _MAJOR)


def _restore(target: Path, wanted: Restoration, **changes: Any) -> None:
    asyncio.run(restore_backup(Settings(data_dir=target, **changes), wanted, report))


def test_the_progress_of_each_archive_ends_at_its_total(backup: Path, tmp_path: Path) -> None:
    reported = dict[str, tuple[int, int | None]]()

    def note(kind: str, done: int, total: int | None) -> None:
        reported[kind] = done, total

    asyncio.run(restore_backup(Settings(data_dir=tmp_path / "target"), Restoration(backup), note))
    assert reported == {"database": (1, 1), "objects": (1, 1)}


async def test_a_cancelled_restoration_waits_for_its_thread_and_removes_all(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, go_on, extract = [], Event(), tarfile.TarFile.extract

    def extract_slowly(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        written.append(member.name)
        go_on.wait(10)
        extract(archive, member, path)

    monkeypatch.setattr(tarfile.TarFile, "extract", extract_slowly)
    task = asyncio.create_task(
        restore_backup(Settings(data_dir=tmp_path / "target"), Restoration(backup), report),
    )
    while not written:
        await asyncio.sleep(0.001)
    for _ in range(2):  # an operator presses Ctrl-C again
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done() and (tmp_path / "target").exists()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(written) == 1 < FILES
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("is_running", [True, False])
def test_a_hub_that_begins_in_the_same_folder_keeps_its_files(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_running: bool
) -> None:
    target = tmp_path / "target"
    kept, lock = target / "postgres" / "cluster", target / "postgres" / "lock"

    def begin(folder: Path, mode: int) -> None:
        kept.mkdir(parents=True)
        (target / "secrets").mkdir()
        opened.append(lock.open("wb"))
        if is_running:
            fcntl.flock(opened[0], fcntl.LOCK_EX)

    opened: list[Any] = []
    monkeypatch.setattr(restore, "make_private_folder", begin)
    expected = ConfigurationError if is_running else BackupRefused
    with pytest.raises(expected, match="Another IntegraHub is running" if is_running else r"not empty \(secrets\)"):
        _restore(target, Restoration(backup))
    opened[0].close()
    assert kept.is_dir() and (target / "secrets").is_dir() and not kept.with_name("cluster.restored").exists()


def test_an_archive_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    unreadable = Path("/proc/self/mem")  # a file of 0 bytes whose first byte cannot be read
    backup = write_backup(tmp_path / "backup", _MAJOR, BackupFile("secrets.tar.zst", 0, _NOTHING))
    with pytest.raises(BackupFailed, match=r"^/proc/self/mem cannot be read: Input/output error\.$"):
        _restore(tmp_path / "target", Restoration(backup, secrets=unreadable))
    assert not (tmp_path / "target").exists()


def test_a_target_that_cannot_be_written_is_named(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupFailed, match=r"/file/target cannot be written: Not a directory\. Choose another"):
        _restore(tmp_path / "file" / "target", Restoration(backup))


def test_a_full_disk_is_named(backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", fill)
    with pytest.raises(BackupFailed, match=r"/target/.* cannot be written: No space left on device\. Free space there"):
        _restore(tmp_path / "target", Restoration(backup))
    assert not (tmp_path / "target").exists()


def test_settings_by_which_the_hub_would_use_other_data_are_refused(backup: Path, tmp_path: Path) -> None:
    cases = [
        ({"database_url": "postgresql://db/hub"}, r"^INTEGRAHUB_DATABASE_URL .* is set"),
        ({"storage_url": "s3://bucket"}, r"^The backup has objects \(objects\.tar\.zst\), and the settings STORAGE_"),
    ]
    for changes, reason in cases:
        with pytest.raises(BackupRefused, match=reason):
            _restore(tmp_path / "target", Restoration(backup), **changes)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(("language", "reason"), [("en_US", "were in a bucket"), ("pt_BR", "estavam em um bucket")])
def test_a_backup_whose_objects_were_in_a_bucket_is_not_restored_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, reason: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    backup = write_backup(tmp_path / "backup", _MAJOR, kinds=("database",))
    with pytest.raises(BackupRefused, match=rf"{reason}.* INTEGRAHUB_STORAGE_URL \(s3://"):
        _restore(tmp_path / "target", Restoration(backup))
    assert not (tmp_path / "target").exists()
    _restore(tmp_path / "target", Restoration(backup), storage_url="s3://bucket")
    assert (tmp_path / "target" / "postgres" / "cluster").is_dir()


def test_the_restored_folders_have_the_mode_of_the_settings(tmp_path: Path) -> None:
    (source := tmp_path / "hub" / "secrets").mkdir(parents=True)
    (source / "pepper.key").write_text("pepper")
    writer = BackupWriter(tmp_path, "secrets", None)
    write_folders(writer, tmp_path / "hub", ("secrets",))
    backup = write_backup(tmp_path / "backup", _MAJOR, writer.close())
    target = tmp_path / "target"
    _restore(target, Restoration(backup, secrets=tmp_path / "secrets.tar.zst"), data_dir_mode=0o750)
    assert (target / "secrets" / "pepper.key").is_file()
    paths = (target, target / "objects", target / "postgres" / "cluster")
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o750, 0o750, 0o700]


def test_secrets_are_either_restored_or_not() -> None:
    answer = CliRunner().invoke(app, ["restore", "backup", "--secrets", "file", "--without-secrets"])
    assert answer.exit_code == 2 and "choose --secrets FILE or" in answer.output
