"""Port of the object storage: named objects of bytes, durable once put."""

import re
from collections.abc import AsyncIterator
from typing import Protocol

from integrahub.domain.errors import IntegraHubError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class ObjectMissing(IntegraHubError):
    """There is no object with this name."""


class ObjectDamaged(IntegraHubError):
    """The stored object is not what was stored."""


def check_name(name: str) -> str:
    """Return a valid object name unchanged. Raise ValueError if it could address a place outside the storage's root."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of an object.")
    return name


class Storage(Protocol):
    """Objects by name (`batches/...`): letters, digits, `.`, `_`, `-` and `/`; no part of a name begins with `.`."""

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Store all blocks under `name`, replacing an older object; return the number of bytes.

        Return only when the bytes are durable. If `blocks` raises or the call is cancelled, no object may become
        visible. Hold only a few blocks in memory.
        """
        ...

    def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Stream at most `length` bytes of the object from `start` on, without loading the whole object.

        A negative `start` counts from the end of the object; that of a shorter object is its beginning.
        Raise ObjectMissing if there is no such object.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete the object; a missing object is no error."""
        ...

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names that begin with `prefix`, in any order, without those of unfinished puts."""
        ...

    async def check(self) -> None:
        """Write and delete a small object; raise the error if that fails."""
        ...
