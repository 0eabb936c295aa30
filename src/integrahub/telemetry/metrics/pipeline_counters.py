"""Counting what is committed."""

from collections.abc import Mapping

from integrahub.domain.products import SETTLED
from integrahub.telemetry.metrics.registry import CHUNKS_PROCESSED, PRODUCTS_SETTLED


def count_completed(counters: Mapping[str, int]) -> None:
    """A chunk whose effect is committed, and what its records came to."""
    CHUNKS_PROCESSED.add("completed")
    for result in SETTLED:
        PRODUCTS_SETTLED.add(result, by=counters.get(result, 0))
