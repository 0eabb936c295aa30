"""Limits of concurrent work: transactions of a worker, and chunks of a batch in flight."""

from dataclasses import dataclass

UPSERT_CONCURRENCY = 2  # concurrent transactions of one upsert worker
CHUNKS_PER_TRANSACTION = 4
SMALL_BATCHES_PER_TRANSACTION = 100


@dataclass(frozen=True, slots=True)
class InFlightLimit:
    """`least` chunks of a batch at any rate; `slots` chunks are shared by all batches that have the turn.

    A batch alone fills the slots; of many each gets its share, so that a small batch never queues behind a long row.
    """

    least: int = 2
    slots: int = 32
