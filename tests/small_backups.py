"""A small backup without a database, for tests of what surrounds the copies."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from integrahub.tools.backup.files import BackupWriter, write_folders
from integrahub.tools.backup.manifest import FORMAT, BackupFile, Manifest, write_manifest

FILES = 50
_AT = datetime(2026, 11, 28, tzinfo=UTC)


def report(kind: str, done: int, total: int | None) -> None:
    """Report nothing."""


def make_files(folder: Path, name: str) -> Path:
    """Make a folder of small files below another, and return that."""
    (folder / name).mkdir(parents=True)
    for number in range(FILES):
        (folder / name / f"{number:02}").write_bytes(b"x" * 100)
    return folder


def write_backup(
    folder: Path, postgresql: int, *more: BackupFile, kinds: tuple[str, ...] = ("database", "objects")
) -> Path:
    """Write a backup, not encrypted, whose database and objects are a folder of small files each."""
    source = make_files(folder.with_name("source"), "base")
    folder.mkdir()
    files = list(more)
    for kind in kinds:
        writer = BackupWriter(folder, kind, None)
        write_folders(writer, source, ("",))
        files.append(writer.close())
    write_manifest(folder, Manifest(FORMAT, UUID(int=1), "1", postgresql, [], _AT, _AT, _AT, files), None)
    return folder
