"""Deletes data whose retention has ended; never data of a batch that is not final."""

from dataclasses import dataclass

import structlog

from integrahub.db.accounts import audit_log
from integrahub.db.batches import retention
from integrahub.db.chunks import bulk_operations
from integrahub.db.database import Database
from integrahub.db.webhooks import retention as webhooks
from integrahub.domain.errors import Transient
from integrahub.storage.base import Storage
from integrahub.storage.chunks import copy_dead

_RETENTION_QUERY_BATCH_SIZE = 200  # rows
_CHANGES_PER_DELETE = 10_000  # rows
_ENTRIES_PER_CALL = 5_000
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """Days after the end of a batch, or after a dead letter was resolved; 0: keep forever.

    A kind is never deleted before the kinds above it: the report is needed as long as the body can be replayed.
    """

    chunks: int  # chunk objects
    bodies: int  # bodies, and copied records of resolved dead letters
    rows: int  # chunk rows with their product ids
    reports: int  # rejections and warnings of records, resolved dead letters, and bulk operations
    batches: int  # batches themselves
    dry_runs: int  # changes that dry runs report
    addresses: int = 180  # network addresses of people and clients in the audit log


class Retention:
    """Delete old data. Several processes may run it at once."""

    def __init__(self, database: Database, storage: Storage, days: RetentionDays) -> None:
        self._database = database
        self._storage = storage
        self._dry_run_days = days.dry_runs
        self._address_days = days.addresses
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
        """Run once. Objects are deleted before their rows are updated, so after an abort they are deleted again."""
        await self._copy_dead_chunks()
        for kind, days in self._days.items():
            while days and await self._delete(kind, days) == _RETENTION_QUERY_BATCH_SIZE:
                continue
        while self._dry_run_days and await self._delete_dry_run_changes() == _CHANGES_PER_DELETE:
            continue
        await self._delete_bulk_operations()
        await self._delete_webhooks()
        while await audit_log.blank_addresses(self._database, self._address_days, _ENTRIES_PER_CALL):
            continue
        while await audit_log.delete_old(self._database, _ENTRIES_PER_CALL):
            continue

    async def _delete_bulk_operations(self) -> None:
        days, count = self._days["reports"], _RETENTION_QUERY_BATCH_SIZE
        while days and await bulk_operations.delete_old(self._database, days, count) == count:
            continue

    async def _delete_webhooks(self) -> None:
        while await webhooks.delete_old(self._database, _RETENTION_QUERY_BATCH_SIZE) == _RETENTION_QUERY_BATCH_SIZE:
            continue
        await webhooks.delete_endpoints(self._database)

    async def _delete_dry_run_changes(self) -> int:
        return await retention.delete_dry_run_changes(self._database, self._dry_run_days, _CHANGES_PER_DELETE)

    async def _copy_dead_chunks(self) -> None:
        """Copy the records of open dead letters, since a letter may outlive the objects of its batch."""
        after = 0
        while letters := await retention.find_uncopied(self._database, after, _RETENTION_QUERY_BATCH_SIZE):
            for letter in letters:
                try:
                    location = await copy_dead(self._storage, letter)
                    await retention.record_copy(self._database, letter.id, location)
                except Transient:
                    raise
                except Exception as error:  # the records may be unreadable, which is why the chunk is dead
                    _log.error(
                        "cannot copy the records of a dead chunk", action="copy_dead", letter=letter.id, exc_info=error
                    )
            after = letters[-1].id

    async def _delete(self, kind: retention.Kind, days: int) -> int:
        rows = await retention.find_due(self._database, kind, days, _RETENTION_QUERY_BATCH_SIZE)
        for row in rows:
            for location in row.objects:
                await self._storage.delete(location)
        if rows:
            await retention.mark_deleted(self._database, kind, [row.id for row in rows])
        return len(rows)
