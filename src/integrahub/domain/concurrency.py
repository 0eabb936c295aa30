"""How many chunks of a batch may be in flight: enough to keep every worker busy, no more than leave room for others."""

from dataclasses import dataclass

UPSERT_CONCURRENCY = 2  # transactions an upsert worker has under way
CHUNKS_PER_TRANSACTION = 4  # chunks that may share one
SMALL_BATCHES_PER_TRANSACTION = 100  # small batches that may share one


@dataclass(frozen=True, slots=True)
class InFlightLimit:
    """`least` chunks of a batch at any rate; `slots` chunks are shared by all batches that have the turn.

    A batch alone fills the slots; of many each gets its share, so that a small batch never queues behind a long row.
    """

    least: int = 2
    slots: int = 32
