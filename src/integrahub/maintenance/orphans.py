"""Orphans: objects that no row names, left by refused posts, killed processes and repeated splits, are removed."""

from collections.abc import Callable, Iterator
from time import time
from uuid import UUID

import structlog

from integrahub.db.batches import retention
from integrahub.db.database import Database
from integrahub.storage.base import Storage

_PREFIXES = ("batches/", "chunks/", "dead/")
_AT_ONCE = 500  # names a look
_AGE = 86_400.0  # seconds: a batch id younger than this may still be committed
_log = structlog.get_logger()


class Orphans:
    """Compare what storage lists with what the database names. Several may run at once.

    `now` gives Unix time in seconds; it is compared with the time in batch ids, to the day.
    """

    def __init__(self, database: Database, storage: Storage, now: Callable[[], float] = time) -> None:
        self._database = database
        self._storage = storage
        self._now = now

    async def __call__(self) -> None:
        """One round over all objects of batches, in constant memory."""
        count = 0
        for prefix in _PREFIXES:
            names: list[str] = []
            async for name in self._storage.list(prefix):
                names.append(name)
                if len(names) == _AT_ONCE:
                    count += await self._remove(names)
                    names = []
            count += await self._remove(names)
        if count:
            _log.warning("objects that no batch names were removed", action="remove_orphans", count=count)

    async def _remove(self, names: list[str]) -> int:
        before = self._now() - _AGE
        old = [found for found in _identified(names) if _seconds(found[1]) < before]
        if not old:
            return 0
        needed = await retention.find_needed(self._database, old)
        orphans = [name for name, _, _ in old if name not in needed]
        for name in orphans:
            await self._storage.delete(name)
        return len(orphans)


def _identified(names: list[str]) -> Iterator[tuple[str, UUID, int | None]]:
    """Yield name, batch and the number of a dead chunk; names of another form are not ours and are passed over."""
    for name in names:
        kind, _, rest = name.partition("/")
        parts = rest.split("/")
        try:
            number = int(parts[2]) if kind == "dead" else None
            yield name, UUID(parts[1]), number
        except (IndexError, ValueError):
            continue


def _seconds(batch_id: UUID) -> float:
    """Return the Unix time of an id of version 7."""
    return (batch_id.int >> 80) / 1000
