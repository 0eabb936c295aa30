"""Manifest of a backup, `backup.json`: what the backup holds, for which version, and how its files are checked.

The manifest is written last, so a folder without one is no whole backup. With a key, it is authenticated too.
"""

import hmac
import os
import secrets
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from integrahub.tools.backup.errors import BackupDamaged, BackupRefused, reading, writing
from integrahub.tools.backup.sealing import SALT_BYTES, derive_backup_key, derive_key

MANIFEST = "backup.json"
FORMAT = 1
MIN_KEY_CHARACTERS = 20


class BackupFile(msgspec.Struct, frozen=True):
    """One file as it lies in the backup's folder."""

    name: str
    size: int
    sha256: str


class Sealed(msgspec.Struct, frozen=True):
    """Salt of the backup's key, and a value by which the right key is recognised."""

    salt: bytes
    check: bytes


class Manifest(msgspec.Struct, frozen=True):
    """`covers_until`: the backup holds everything that the hub had acknowledged before that time."""

    format: int
    id: UUID
    version: str
    postgresql: int
    migrations: list[str]
    started_at: datetime
    covers_until: datetime
    ended_at: datetime
    files: list[BackupFile]
    sealed: Sealed | None = None
    mac: str = ""


class _Format(msgspec.Struct):
    format: int
    version: str = "another version"


def seal(key: bytes) -> tuple[Sealed, bytes]:
    """Return what the manifest stores of a new backup's key, and the key of the backup."""
    salt = secrets.token_bytes(SALT_BYTES)
    backup_key = derive_backup_key(key, salt)
    return Sealed(salt, derive_key(backup_key, salt, "check")), backup_key


def unseal(manifest: Manifest, key: bytes | None) -> bytes | None:
    """Return the key of the backup; None if it is not encrypted. Raise BackupRefused if the key is not its own."""
    if manifest.sealed is None:
        if key is None:
            return None
        raise BackupRefused(
            "The backup is not encrypted, so the key cannot show that it is yours. If you trust its folder, restore it "
            "without --key-file."
        )
    if key is None:
        raise BackupRefused("The backup is encrypted. Name the file with its key: --key-file FILE.")
    backup_key = derive_backup_key(key, manifest.sealed.salt)
    if not hmac.compare_digest(derive_key(backup_key, manifest.sealed.salt, "check"), manifest.sealed.check):
        raise BackupRefused("The backup was encrypted with another key. Name the file with that one: --key-file FILE.")
    if not hmac.compare_digest(_authenticate(manifest, backup_key), manifest.mac):
        raise BackupDamaged(f"{MANIFEST} was changed after the backup. Restore from another backup.")
    return backup_key


def _authenticate(manifest: Manifest, backup_key: bytes) -> str:
    text = msgspec.json.encode(msgspec.structs.replace(manifest, mac=""))
    return hmac.new(derive_key(backup_key, b"", "manifest"), text, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest, backup_key: bytes | None) -> None:
    """Write the manifest under another name, flush it, then rename it."""
    mac = _authenticate(manifest, backup_key) if backup_key else ""
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(manifest, mac=mac)))
    fresh = folder / f".{MANIFEST}"
    with writing(folder):
        with fresh.open("xb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest. Raise BackupRefused if there is none, or one that this version cannot read."""
    with reading(folder):
        if not (folder / MANIFEST).is_file():
            raise BackupRefused(
                f"{folder} has no {MANIFEST}, so it is no whole backup: another folder, or a backup that did not end."
            )
        text = (folder / MANIFEST).read_bytes()
    try:
        head = msgspec.json.decode(text, type=_Format)
        if head.format != FORMAT:
            raise BackupRefused(
                f"The backup has format {head.format}, written by IntegraHub {head.version}; this version reads format "
                f"{FORMAT}. Restore it with that version."
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupDamaged(f"{folder / MANIFEST} cannot be read: {error}. Restore from another backup.") from None


def check_sizes(path: Path, entry: BackupFile) -> None:
    """Raise BackupDamaged if a file of the backup is missing or does not have its size."""
    size = path.stat().st_size if path.is_file() else None
    if size != entry.size:
        found = "is missing" if size is None else f"has {size:,} bytes"
        raise BackupDamaged(
            f"{path} {found}; the backup wrote {entry.size:,}. Copy the backup again, or restore from another one."
        )


def read_key(file: Path) -> bytes:
    """Return the key in a file. Raise BackupRefused if it is missing or too short."""
    try:
        key = file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise BackupRefused(f"The key file {file} cannot be read: {error}.") from None
    if len(key) < MIN_KEY_CHARACTERS:
        raise BackupRefused(
            f"The key in {file} has {len(key)} characters; expected {MIN_KEY_CHARACTERS} or more. Make one with: "
            f"openssl rand -base64 32 > {file}"
        )
    return key.encode()
