"""Retain: what was kept long enough is removed; never anything of a batch that is not final."""

from integrahub.db import retention
from integrahub.db.pool import Database
from integrahub.storage.base import Storage

_AT_ONCE = 200  # batches a look


class Retain:
    """`bodies` and `chunks` in days since the batch ended; 0: for ever. Several may run at once."""

    def __init__(self, database: Database, storage: Storage, *, bodies: int, chunks: int) -> None:
        self._database = database
        self._storage = storage
        self._days: dict[retention.Kind, int] = {"chunks": chunks, "bodies": bodies, "letters": bodies}

    async def __call__(self) -> None:
        """One round. Objects go first and are noted after: cut short in between, they are removed again, in vain."""
        for kind, days in self._days.items():
            while days and await self._remove(kind, days) == _AT_ONCE:
                continue

    async def _remove(self, kind: retention.Kind, days: int) -> int:
        rows = await retention.due(self._database, kind, days, _AT_ONCE)
        for row in rows:
            for location in row.get("locations") or filter(None, [row.get("location")]):
                await self._storage.delete(location)
        if rows:
            await retention.removed(self._database, kind, [row["id"] for row in rows])
        return len(rows)
