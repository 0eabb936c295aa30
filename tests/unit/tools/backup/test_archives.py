"""Archives of a backup: what comes back is what was written, or it is refused."""

import io
import tarfile
from pathlib import Path
from typing import cast

import pytest

from integrahub.tools.backup import sealing
from integrahub.tools.backup.errors import BackupDamaged
from integrahub.tools.backup.files import BackupWriter, extract, open_archive, write_folders
from integrahub.tools.backup.manifest import BackupFile
from integrahub.tools.backup.sealing import BLOCK_BYTES, SALT_BYTES, SealedReader, SealedWriter

_KEY = bytes(range(32))
_SEALED_BLOCK = BLOCK_BYTES + 16


class _Memory(io.BytesIO):
    """Keeps its bytes when it is closed."""

    def close(self) -> None:
        return


def _seal(data: bytes, name: str = "objects", key: bytes = _KEY) -> bytes:
    target = _Memory()
    writer = SealedWriter(target, key, name)
    for start in range(0, len(data), 300_000):
        writer.write(data[start : start + 300_000])
    writer.close()
    return target.getvalue()


def _open(sealed: bytes, name: str = "objects", key: bytes = _KEY) -> bytes:
    return SealedReader(io.BytesIO(sealed), key, name).read()


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 5])
def test_sealed_bytes_come_back_and_are_read_in_any_portions(size: int) -> None:
    data = (b"0123456789" * (size // 10 + 1))[:size]
    sealed = _seal(data)
    assert _open(sealed) == data
    reader, parts = SealedReader(io.BytesIO(sealed), _KEY, "objects"), []
    while part := reader.read(70_001):
        assert len(part) <= 70_001
        parts.append(part)
    assert b"".join(parts) == data


def _cut(sealed: bytes) -> bytes:
    return sealed[:-1]


def _cut_at_a_block(sealed: bytes) -> bytes:
    return sealed[: SALT_BYTES + _SEALED_BLOCK]


def _without_a_block(sealed: bytes) -> bytes:
    return sealed[:SALT_BYTES] + sealed[SALT_BYTES + _SEALED_BLOCK :]


def _repeat_a_block(sealed: bytes) -> bytes:
    return sealed[: SALT_BYTES + _SEALED_BLOCK] + sealed[SALT_BYTES:]


def _flip(sealed: bytes) -> bytes:
    return sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:]


def _nothing(sealed: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("change", [_cut, _cut_at_a_block, _without_a_block, _repeat_a_block, _flip, _nothing])
def test_a_sealed_file_that_was_changed_is_refused(change: object) -> None:
    sealed = _seal(b"x" * (2 * BLOCK_BYTES + 5))
    with pytest.raises(BackupDamaged, match="objects of the backup is truncated or was changed"):
        _open(change(sealed))  # type: ignore[operator]


def test_a_sealed_file_opens_only_under_its_own_name_and_key() -> None:
    sealed = _seal(b"secret")
    for name, key in (("database", _KEY), ("objects", bytes(32))):
        with pytest.raises(BackupDamaged):
            _open(sealed, name, key)
    assert _seal(b"secret") != sealed, "each file has a salt of its own"


def test_a_derived_key_depends_on_the_purpose_and_the_salt() -> None:
    keys = {sealing.derive_key(_KEY, salt, name) for salt in (b"a", b"b") for name in ("objects", "check")}
    assert len(keys) == 4


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _archive(tmp_path: Path, key: bytes | None) -> tuple[Path, BackupFile]:
    source = tmp_path / "source" / "objects"
    (source / "batches" / "a").mkdir(parents=True)
    (source / ".unfinished").mkdir()
    (source / ".unfinished" / "half").write_bytes(b"half")
    (source / "batches" / "a" / "body").write_bytes(b"[1]" * 100_000)
    (source / "batches" / "empty").write_bytes(b"")
    (folder := tmp_path / "backup").mkdir()
    writer = BackupWriter(folder, "objects", key)
    assert write_folders(writer, tmp_path / "source", ("objects", "absent")) == 2
    entry = writer.close()
    return folder / entry.name, entry


@pytest.mark.parametrize("key", [None, _KEY], ids=["plain", "sealed"])
def test_folders_come_back_without_unfinished_files(tmp_path: Path, key: bytes | None) -> None:
    path, entry = _archive(tmp_path, key)
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size == entry.size
    target = tmp_path / "target"
    target.mkdir()
    with open_archive(path, entry, "objects", key) as archive:
        assert extract(archive, target) == 2
    assert _tree(target) == {"objects/batches/a/body": b"[1]" * 100_000, "objects/batches/empty": b""}


@pytest.mark.parametrize("key", [None, _KEY], ids=["plain", "sealed"])
@pytest.mark.parametrize("change", [_cut, _flip])
def test_an_archive_that_was_changed_is_refused(tmp_path: Path, key: bytes | None, change: object) -> None:
    path, entry = _archive(tmp_path, key)
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    (target := tmp_path / "target").mkdir()
    with pytest.raises(BackupDamaged), open_archive(path, entry, "objects", key) as archive:
        extract(archive, target)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "objects/../../outside"])
def test_an_archive_writes_nothing_outside_its_target(tmp_path: Path, name: str) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    content.seek(0)
    with tarfile.open(fileobj=content) as archive, pytest.raises(BackupDamaged, match="no backup writes"):
        extract(archive, tmp_path / "target")


def test_an_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(fileobj=cast(io.BytesIO, content := io.BytesIO()), mode="w") as archive:
        archive.addfile(link)
    content.seek(0)
    with tarfile.open(fileobj=content) as archive, pytest.raises(BackupDamaged, match="no backup writes"):
        extract(archive, tmp_path)
