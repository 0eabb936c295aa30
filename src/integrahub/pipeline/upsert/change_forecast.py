"""Forecast of changes: whether the next chunks of a batch are likely to update most of their products."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from integrahub.db.chunks.apply import AppliedChunk

_MIN_UPDATED_SHARE = 0.6  # of the records of the chunks that were applied last
_MAX_REMEMBERED_BATCHES = 256  # remembered; a forgotten one costs a probe


class ChangeForecast:
    """What the chunks of each batch that this worker applied last say of the next ones.

    A wrong forecast costs time, and changes no result.
    """

    def __init__(self) -> None:
        self._mostly_updated: dict[UUID, None] = {}  # in order of their last transaction

    def expects_updates(self, batch_id: UUID) -> bool:
        """Return whether most records of the batch's last transaction updated a product."""
        return batch_id in self._mostly_updated

    def record(self, applied: Sequence[AppliedChunk]) -> None:
        """Take the chunks of one transaction into account."""
        updated, records = defaultdict[UUID, int](int), defaultdict[UUID, int](int)
        for chunk in applied:
            updated[chunk.claim.batch_id] += chunk.counters.updated
            records[chunk.claim.batch_id] += chunk.counters.settled
        for batch_id in records:
            self._mostly_updated.pop(batch_id, None)
            if updated[batch_id] > _MIN_UPDATED_SHARE * records[batch_id]:
                self._mostly_updated[batch_id] = None
        while len(self._mostly_updated) > _MAX_REMEMBERED_BATCHES:
            del self._mostly_updated[next(iter(self._mostly_updated))]
