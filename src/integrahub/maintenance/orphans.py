"""Deletes orphaned objects: no row names them, since a post was refused, a process was killed or a split repeated."""

from collections.abc import Callable, Iterator
from time import time
from uuid import UUID

import structlog

from integrahub.db.batches import retention
from integrahub.db.database import Database
from integrahub.storage.base import Storage
from integrahub.storage.framed import FRAMED_SUFFIX

_PREFIXES = ("batches/", "chunks/", "dead/")
_ORPHAN_QUERY_BATCH_SIZE = 500  # objects
_MIN_AGE_SECONDS = 86_400.0  # a batch whose id is younger may still be committed
_log = structlog.get_logger()


class Orphans:
    """Compare the objects in storage with the rows of the database. Several processes may run it at once.

    `now` returns Unix time in seconds. It is compared with the time in batch ids; a day more or less does no harm.
    """

    def __init__(self, database: Database, storage: Storage, now: Callable[[], float] = time) -> None:
        self._database = database
        self._storage = storage
        self._now = now

    async def __call__(self) -> None:
        """Check all objects of batches once, in constant memory."""
        count = 0
        for prefix in _PREFIXES:
            names: list[str] = []
            async for name in self._storage.list(prefix):
                names.append(name)
                if len(names) == _ORPHAN_QUERY_BATCH_SIZE:
                    count += await self._delete_orphans(names)
                    names = []
            count += await self._delete_orphans(names)
        if count:
            _log.warning("orphaned objects deleted", action="remove_orphans", count=count)

    async def _delete_orphans(self, names: list[str]) -> int:
        limit = self._now() - _MIN_AGE_SECONDS
        old = [parsed for parsed in _parse_names(names) if _unix_time(parsed[1]) < limit]
        if not old:
            return 0
        needed = await retention.find_needed(self._database, old)
        orphans = [name for name, _, _ in old if name not in needed]
        for name in orphans:
            await self._storage.delete(name)
        return len(orphans)


def _parse_names(names: list[str]) -> Iterator[tuple[str, UUID, int | None]]:
    """Yield name, batch id and, for a copy of a dead chunk, its number. Skip names that the hub did not give."""
    for name in names:
        kind, _, rest = name.partition("/")
        parts = rest.split("/")
        try:
            number = int(parts[2]) if kind == "dead" else None
            yield name, UUID(parts[1].removesuffix(FRAMED_SUFFIX)), number
        except (IndexError, ValueError):
            continue


def _unix_time(batch_id: UUID) -> float:
    """Return the Unix time in a UUIDv7."""
    return (batch_id.int >> 80) / 1000
