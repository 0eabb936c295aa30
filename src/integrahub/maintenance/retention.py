"""Retain: what was kept long enough is removed; never anything of a batch that is not final."""

from dataclasses import dataclass

import structlog

from integrahub.db.batches import retention
from integrahub.db.database import Database
from integrahub.domain.errors import Transient
from integrahub.storage.base import Storage
from integrahub.storage.chunks import copy_dead

_AT_ONCE = 200  # batches a look
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """Days since a batch ended, or a dead letter was settled; 0: for ever.

    A later kind never goes before the ones above it: a report explains a batch whose body can be replayed.
    """

    chunks: int  # chunk objects
    bodies: int  # bodies, and copies of settled dead letters
    rows: int  # chunk rows with their product ids
    reports: int  # errors and warnings of records, and settled dead letters
    batches: int  # batches themselves


class Retention:
    """Remove what is old. Several may run at once."""

    def __init__(self, database: Database, storage: Storage, days: RetentionDays) -> None:
        self._database = database
        self._storage = storage
        self._days: dict[retention.Kind, int] = {
            "chunks": days.chunks,
            "bodies": days.bodies,
            "dead_letter_copies": days.bodies,
            "rows": days.rows,
            "reports": days.reports,
            "dead_letters": days.reports,
            "batches": days.batches,
        }

    async def __call__(self) -> None:
        """One round. Objects go first and are noted after: cut short in between, they are removed again, in vain."""
        await self._copy_letters()
        for kind, days in self._days.items():
            while days and await self._remove(kind, days) == _AT_ONCE:
                continue

    async def _copy_letters(self) -> None:
        """Records of open dead letters leave their batch's objects, which have an end; a letter has none."""
        after = 0
        while letters := await retention.find_uncopied(self._database, after, _AT_ONCE):
            for letter in letters:
                try:
                    location = await copy_dead(self._storage, letter)
                    await retention.record_copy(self._database, letter.id, location)
                except Transient:
                    raise
                except Exception as error:  # also what made the chunk dead, when it cannot be read
                    _log.error("dead chunk not copied", action="copy_dead", letter=letter.id, exc_info=error)
            after = letters[-1].id

    async def _remove(self, kind: retention.Kind, days: int) -> int:
        rows = await retention.find_due(self._database, kind, days, _AT_ONCE)
        for row in rows:
            for location in row.objects:
                await self._storage.delete(location)
        if rows:
            await retention.mark_deleted(self._database, kind, [row.id for row in rows])
        return len(rows)
