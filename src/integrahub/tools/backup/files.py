"""Files of a backup: tar archives, compressed, encrypted if there is a key, and hashed as they lie on the disk."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

import zstandard

from integrahub.storage.folders import flush_folder
from integrahub.tools.backup.errors import BackupDamaged, reading, writing
from integrahub.tools.backup.manifest import BackupFile
from integrahub.tools.backup.sealing import SealedReader, SealedWriter, Sink
from integrahub.tools.backup.threads import Check, never_stopped

_COMPRESSION_LEVEL = 1  # the disk or the cipher is slower than the compression
_ARCHIVE_BLOCK_BYTES = 1 << 20
_HIDDEN = "."  # unfinished puts of the storage, and temporary files


class _HashedFile:
    """A new file that only this account can read; `close` flushes it to the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            self._file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.size += len(data)
        with writing(self._path):
            return self._file.write(data)

    def close(self) -> None:
        with writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def release(self) -> None:
        """Close the file as it is."""
        with suppress(OSError):
            self._file.close()

    def describe(self, name: str) -> BackupFile:
        """Return the entry of the manifest."""
        return BackupFile(name, self.size, self._digest.hexdigest())


class BackupWriter:
    """Writes one file of a backup: compress, encrypt with `backup_key` if there is one, and hash.

    At the end of a `with` block, the file is closed as it is; only `close` makes it whole.
    """

    def __init__(self, folder: Path, kind: str, backup_key: bytes | None) -> None:
        self._name = file_name(kind, is_sealed=backup_key is not None)
        self._file = _HashedFile(folder / self._name)
        self._target: Sink = SealedWriter(self._file, backup_key, kind) if backup_key else self._file
        compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL)
        self._stream = compressor.stream_writer(cast(IO[bytes], self._target), closefd=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.release()

    def write(self, data: bytes) -> int:
        """Write plain bytes."""
        return self._stream.write(data)

    def close(self) -> BackupFile:
        """Flush the file to the disk and return its entry of the manifest."""
        self._stream.flush(zstandard.FLUSH_FRAME)
        self._target.close()
        return self._file.describe(self._name)


def file_name(kind: str, *, is_sealed: bool) -> str:
    """Return the name of a file: standard tools read one that is not encrypted."""
    return f"{kind}.tar.zst{'.sealed' if is_sealed else ''}"


class _HashingReader:
    """Reads a file and hashes what was read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        with reading(self._path):
            data = self._file.read(size)
        self.digest.update(data)
        return data


@contextmanager
def open_archive(path: Path, expected: BackupFile, kind: str, backup_key: bytes | None) -> Iterator[tarfile.TarFile]:
    """Open the archive of a backup for one pass. Raise BackupDamaged if it is not what the backup wrote."""
    with reading(path):
        opened = path.open("rb")
    with opened as file:
        source = _HashingReader(path, file)
        plain = SealedReader(cast(BinaryIO, source), backup_key, kind) if backup_key else source
        try:
            stream = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], plain), read_size=_ARCHIVE_BLOCK_BYTES)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_ARCHIVE_BLOCK_BYTES) as archive:
                yield archive
            while source.read(_ARCHIVE_BLOCK_BYTES):
                continue
        except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
            raise BackupDamaged(f"{path} is damaged: {error}. Restore from another backup.") from None
        if source.digest.hexdigest() != expected.sha256:
            raise BackupDamaged(f"{path} was changed after the backup. Restore from another backup.")


def write_folders(writer: BackupWriter, root: Path, names: tuple[str, ...], check: Check = never_stopped) -> int:
    """Archive these folders below `root`, one file at a time, and call `check` before each. Return their number."""
    count = 0
    target = cast(IO[bytes], writer)
    with reading(root), tarfile.open(fileobj=target, mode="w|", bufsize=_ARCHIVE_BLOCK_BYTES) as archive:
        for path in (path for name in names for path in _walk(root / name)):
            check()
            with reading(path), suppress(FileNotFoundError):  # retention deleted it meanwhile
                archive.add(path, path.relative_to(root).as_posix(), recursive=False)
                _forget_members(archive)
                count += path.is_file()
    return count


def _forget_members(archive: tarfile.TarFile) -> None:
    """Drop the list of all entries that `tarfile` keeps, so that the memory does not grow with the archive."""
    vars(archive)["members"].clear()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the folder and all in it but hidden entries."""
    if not folder.is_dir():
        return
    yield folder
    with os.scandir(folder) as entries:
        ordered = sorted((entry for entry in entries if not entry.name.startswith(_HIDDEN)), key=lambda one: one.name)
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry)


def extract(archive: tarfile.TarFile, target: Path, check: Check = never_stopped) -> int:
    """Extract files and folders below `target`, and call `check` before each. Return the number of files.

    Owners become this account.
    """
    count = 0
    archive.extraction_filter = lambda member, path: member  # _check_member is stricter, in every version of Python
    for member in archive:
        check()
        _check_member(member)
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        archive.extract(member, target)
        _forget_members(archive)
        count += member.isfile()
    return count


def flush(folder: Path, check: Check = never_stopped) -> None:
    """Flush a folder and all in it to the disk; call `check` before each file."""
    for parent, _, names in os.walk(folder):
        for name in names:
            check()
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
        flush_folder(Path(parent))


def _check_member(member: tarfile.TarInfo) -> None:
    """Raise BackupDamaged for anything but a file or folder below the target."""
    is_below = not member.name.startswith("/") and ".." not in member.name.split("/")
    if not is_below or not (member.isfile() or member.isdir()):
        raise BackupDamaged(
            f"The archive has an entry {member.name!r}, which no backup writes. Restore another backup."
        )
