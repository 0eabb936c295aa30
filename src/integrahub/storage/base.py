"""The storage port: named objects of bytes, durable once put."""

import re
from collections.abc import AsyncIterator
from typing import Protocol

from integrahub.domain.errors import IntegraHubError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class ObjectMissing(IntegraHubError):
    """There is no object by that name."""


def check_name(name: str) -> str:
    """The name itself; ValueError when it could mean anything but an object below the storage's root."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of an object.")
    return name


class Storage(Protocol):
    """Objects by name (`batches/...`, `chunks/...`): letters, digits, `.`, `_`, `-`, `/`; no part begins with `.`."""

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Store all blocks under `name` (replacing) and give the bytes written.

        Returns only when the bytes are durable. Must not leave a visible object when `blocks` raises or the call is
        cancelled, and must not hold more than a few blocks at once.
        """
        ...

    def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Stream the object's bytes from `start`, at most `length` of them; ObjectMissing when absent.

        Must not load the whole object.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove the object; an absent one is no error."""
        ...

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Names that begin with `prefix`, in no promised order; never names of unfinished puts."""
        ...

    async def check(self) -> None:
        """Prove that objects can be written, or raise what hinders it."""
        ...
