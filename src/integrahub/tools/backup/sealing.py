"""Encryption of the files of a backup: AES-256-GCM in blocks of one megabyte, each authenticated with its place.

A file begins with a random salt. Its key is derived from the key of the backup, the salt and the file's name, so that
no block can move to another file or backup. The nonce of a block is its number and whether it is the last one, so that
no block can be left out, repeated or cut off.
"""

import secrets
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from integrahub.tools.backup.errors import BackupDamaged

BLOCK_BYTES = 1 << 20
SALT_BYTES = 16
_GCM_TAG_BYTES = 16
_KEY_BYTES = 32
_NUMBER_BYTES = 11
# About 0.1 s and 64 MB: a chosen key cannot be guessed quickly.
_SCRYPT_COST, _SCRYPT_BLOCK, _SCRYPT_LANES = 1 << 16, 8, 1


class Sink(Protocol):
    """What takes the bytes of one file, until it is closed."""

    def write(self, data: bytes, /) -> int: ...

    def close(self) -> None: ...


def derive_backup_key(key: bytes, salt: bytes) -> bytes:
    """Return the key of a backup."""
    return Scrypt(salt, _KEY_BYTES, _SCRYPT_COST, _SCRYPT_BLOCK, _SCRYPT_LANES).derive(key)


def derive_key(backup_key: bytes, salt: bytes, purpose: str) -> bytes:
    """Return the key of one file, or of another purpose within the backup."""
    return HKDF(SHA256(), _KEY_BYTES, salt, f"integrahub backup {purpose}".encode()).derive(backup_key)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big") + bytes([is_last])


class SealedWriter:
    """Encrypt what is written, block by block; `close` writes the last block."""

    def __init__(self, target: Sink, backup_key: bytes, name: str) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        self._target = target
        self._cipher = AESGCM(derive_key(backup_key, salt, name))
        self._waiting = bytearray()
        self._number = 0
        target.write(salt)

    def write(self, data: bytes) -> int:
        """Encrypt all whole blocks but the last one, which may be the end of the file."""
        self._waiting += data
        while len(self._waiting) > BLOCK_BYTES:
            self._seal(bytes(self._waiting[:BLOCK_BYTES]), is_last=False)
            del self._waiting[:BLOCK_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the last block and close the target."""
        self._seal(bytes(self._waiting), is_last=True)
        self._target.close()

    def _seal(self, block: bytes, *, is_last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, is_last=is_last), block, None))
        self._number += 1


class SealedReader:
    """Decrypt a file block by block. Raise BackupDamaged before any changed or missing byte is returned."""

    def __init__(self, source: BinaryIO, backup_key: bytes, name: str) -> None:
        self._source = source
        self._name = name
        self._cipher = AESGCM(derive_key(backup_key, source.read(SALT_BYTES).ljust(SALT_BYTES, b"\0"), name))
        self._ahead = source.read(BLOCK_BYTES + _GCM_TAG_BYTES)
        self._ready = b""
        self._number = 0
        self._has_ended = False

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, or all that is left; b"" at the end of the file."""
        parts = []
        while size and (self._ready or self._open_next()):
            part = self._ready if size < 0 else self._ready[:size]
            self._ready = self._ready[len(part) :]
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    def _open_next(self) -> bool:
        """Decrypt the next block that is not empty. Return False at the end."""
        while not self._has_ended and not self._ready:
            block, self._ahead = self._ahead, self._source.read(BLOCK_BYTES + _GCM_TAG_BYTES)
            self._has_ended = not self._ahead
            try:
                self._ready = self._cipher.decrypt(_nonce(self._number, is_last=self._has_ended), block, None)
            except InvalidTag:
                raise BackupDamaged(
                    f"{self._name} of the backup is truncated or was changed (block {self._number}). Nothing of it can "
                    "be trusted: restore from another backup."
                ) from None
            self._number += 1
        return bool(self._ready)
