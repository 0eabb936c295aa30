"""Passwords of people: hashed by Argon2id, with bounded concurrency, since each hash takes memory and time."""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from integrahub.domain.errors import Unavailable

# The first of OWASP's equivalent choices for Argon2id: 19 MiB, two iterations, one lane.
_MEMORY_KIB = 19 * 1024
_ITERATIONS = 2
_LANES = 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_HASH_CONCURRENCY = 2
_MAX_WAITING_HASHES = 50
_BUSY_RETRY_SECONDS = 2.0
Result = TypeVar("Result")


class PasswordHasher:
    """Hash and verify passwords in threads, two at a time. Raise Unavailable while too many wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_HASH_CONCURRENCY)
        self._waiting = 0
        self._unknown: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash as a PHC string."""
        return await self._run(_hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Return whether a password has the stored hash. Without one, do the same work and return False."""
        if stored is None:
            if self._unknown is None:
                self._unknown = await self.hash(os.urandom(16).hex())
            await self._run(_matches, password, self._unknown)
            return False
        return await self._run(_matches, password, stored)

    async def _run(self, work: Callable[..., Result], *values: str) -> Result:
        if self._waiting >= _MAX_WAITING_HASHES:
            raise Unavailable("sign_in_busy", _BUSY_RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *values)
        finally:
            self._waiting -= 1


def _hash(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(_to_bytes(password))


def _matches(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_to_bytes(password), stored)
    except (InvalidKey, ValueError):
        return False
    return True


def _to_bytes(password: str) -> bytes:
    # Keyboards compose accents in several ways; all of them are the same password (NIST SP 800-63B).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
