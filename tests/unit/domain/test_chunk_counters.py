"""Counters of a chunk: which of them add up to its records."""

from integrahub.domain.products import COUNTERS, SETTLED, ChunkCounters


def test_reactivated_products_and_warnings_do_not_add_to_the_records() -> None:
    counters = ChunkCounters(*range(1, len(COUNTERS) + 1))
    assert counters.settled == sum(getattr(counters, name) for name in SETTLED) == 21
