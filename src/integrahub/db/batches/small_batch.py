"""A small batch on the fast path, and what became of it."""

from dataclasses import dataclass
from uuid import UUID

from integrahub.db.batches.rows import UNDECIDED, DeactivationDecision, SmallBatchClaim
from integrahub.domain.batches import BatchStatus
from integrahub.domain.chunks.formats import Chunk
from integrahub.domain.chunks.index import ChunkIndex
from integrahub.domain.products import ChunkCounters


@dataclass(frozen=True, slots=True)
class SmallBatch:
    """A claimed batch whose records fit one chunk. `extent` is their place in the decoded body: offset and length."""

    claim: SmallBatchClaim
    index: ChunkIndex
    records: Chunk
    extent: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FastPathResult:
    """The final status of a batch, the counters of its chunk, and whether webhooks about it are due.

    `decision` is what a FULL decided about the products that it does not have.
    """

    batch_id: UUID
    status: BatchStatus
    counters: ChunkCounters
    decision: DeactivationDecision = UNDECIDED
    has_deliveries: bool = False
