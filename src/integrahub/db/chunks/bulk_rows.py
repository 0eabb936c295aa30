"""Typed rows of `bulk_operations`."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.replays import BulkState


class BulkOperation(msgspec.Struct, frozen=True):
    """A replay of many dead letters. `refusals` counts those that cannot be replayed, by code."""

    id: UUID
    state: BulkState
    actor: str
    filters: DeadLetterFilters
    letters: int
    replayed: int
    refusals: dict[str, int]
    created_at: datetime
    run_at: datetime | None
    ended_at: datetime | None
    stopped_by: str | None

    @property
    def refused(self) -> int:
        """The number of letters that cannot be replayed."""
        return sum(self.refusals.values())

    @property
    def left(self) -> int:
        """The number of letters that are neither replayed nor refused."""
        return max(0, self.letters - self.replayed - self.refused)


class BulkProgress(BulkOperation, frozen=True):
    """An operation with the outcome of its letters: chunks that workers still apply, and those that failed again."""

    applying: int
    failed_again: int


class BulkOperationPosition(msgspec.Struct, frozen=True):
    """Place in the list of operations."""

    created_at: datetime
    id: UUID
