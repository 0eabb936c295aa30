"""The manifest of a backup: whose it is, for which version, and with which key."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from integrahub.tools.backup.errors import BackupDamaged, BackupRefused
from integrahub.tools.backup.manifest import (
    FORMAT,
    MANIFEST,
    BackupFile,
    Manifest,
    Sealed,
    check_sizes,
    read_key,
    read_manifest,
    seal,
    unseal,
    write_manifest,
)

_KEY = b"a key of twenty characters"


@pytest.fixture(scope="module")
def sealed() -> tuple[Sealed, bytes]:
    """Return a seal made once: its derivation takes a while on purpose."""
    return seal(_KEY)


def _manifest(sealed: Sealed | None = None) -> Manifest:
    now = datetime.now(UTC)
    file = BackupFile("database.tar.zst", 3, "ab")
    return Manifest(FORMAT, uuid4(), "0.3.0", 18, ["0001_initial.sql"], now, now, now, [file], sealed)


def test_a_manifest_comes_back(tmp_path: Path, sealed: tuple[Sealed, bytes]) -> None:
    manifest = _manifest()
    write_manifest(tmp_path, manifest, None)
    assert read_manifest(tmp_path) == manifest and unseal(manifest, None) is None
    (tmp_path / MANIFEST).unlink()
    write_manifest(tmp_path, _manifest(sealed[0]), sealed[1])
    assert unseal(read_manifest(tmp_path), _KEY) == sealed[1]


def test_a_key_for_a_backup_that_is_not_encrypted_is_refused() -> None:
    with pytest.raises(BackupRefused, match="not encrypted, so the key cannot show that it is yours"):
        unseal(_manifest(), _KEY)


def test_a_folder_without_a_manifest_is_no_whole_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no whole backup"):
        read_manifest(tmp_path)


def test_a_wrong_or_missing_key_is_refused(tmp_path: Path, sealed: tuple[Sealed, bytes]) -> None:
    write_manifest(tmp_path, _manifest(sealed[0]), sealed[1])
    manifest = read_manifest(tmp_path)
    with pytest.raises(BackupRefused, match="encrypted with another key"):
        unseal(manifest, b"another key of characters")
    with pytest.raises(BackupRefused, match=r"is encrypted\. Name the file with its key"):
        unseal(manifest, None)


@pytest.mark.parametrize(
    "change", [{"covers_until": "2030-01-01T00:00:00Z"}, {"files": []}, {"migrations": []}, {"mac": ""}]
)
def test_a_changed_manifest_of_an_encrypted_backup_is_refused(
    tmp_path: Path, sealed: tuple[Sealed, bytes], change: dict[str, Any]
) -> None:
    write_manifest(tmp_path, _manifest(sealed[0]), sealed[1])
    path = tmp_path / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BackupDamaged, match="was changed after the backup"):
        unseal(read_manifest(tmp_path), _KEY)


def test_another_format_is_refused_with_the_version_that_wrote_it(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"format": 2, "version": "9.1.0"}')
    with pytest.raises(BackupRefused, match=r"format 2, written by IntegraHub 9\.1\.0; this version reads format 1"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BackupDamaged, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_truncated_or_missing_file_is_refused_with_both_sizes(tmp_path: Path) -> None:
    (path := tmp_path / "database.tar.zst").write_bytes(b"ab")
    with pytest.raises(BackupDamaged, match="has 2 bytes; the backup wrote 3"):
        check_sizes(path, _manifest().files[0])
    path.unlink()
    with pytest.raises(BackupDamaged, match="is missing; the backup wrote 3"):
        check_sizes(path, _manifest().files[0])


def test_a_key_that_is_short_or_unreadable_is_refused(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("short\n")
    with pytest.raises(BackupRefused, match="has 5 characters; expected 20 or more"):
        read_key(file)
    with pytest.raises(BackupRefused, match="cannot be read"):
        read_key(tmp_path / "absent")
    file.write_text("  twenty characters and more \n")
    assert read_key(file) == b"twenty characters and more"


def test_times_of_a_manifest_are_utc_in_json(tmp_path: Path) -> None:
    write_manifest(tmp_path, _manifest(), None)
    assert msgspec.json.decode((tmp_path / MANIFEST).read_bytes())["covers_until"].endswith("Z")
