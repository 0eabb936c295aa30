"""Limits of concurrent work: transactions of a worker, and chunks of a batch in flight."""

from dataclasses import dataclass

UPSERT_CONCURRENCY = 2  # concurrent transactions of one upsert worker
CHUNKS_PER_TRANSACTION = 8
BYTES_PER_TRANSACTION = 8 << 20  # of records
SMALL_BATCHES_PER_TRANSACTION = 100
MIN_FULLS_PER_TRANSACTION = 2  # fewer take the normal path
FULLS_PER_TRANSACTION = 16
FULL_CONCURRENCY = 2  # concurrent transactions of small FULLs of one split worker


@dataclass(frozen=True, slots=True)
class InFlightLimit:
    """Limit of the chunks of one batch that are in flight.

    `shared` chunks are divided among all batches that have the turn, but each batch may have at least `per_batch`. A
    single batch can use all of them. With many batches each gets its share, so that no small batch waits long.
    """

    per_batch: int = 2
    shared: int = 32
