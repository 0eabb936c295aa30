"""Nested values of records: depth, texts, and limits of jsonb."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def measure_depth(value: Any) -> int:
    """Return how deep objects and lists are nested; 0 for a scalar."""
    if isinstance(value, dict):
        return 1 + max(map(measure_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(measure_depth, value), default=0)
    return 0


def iterate_texts(value: Any) -> Iterator[str]:
    """Yield every text of a decoded value, including keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from iterate_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from iterate_texts(inner)


def bound_numbers(value: Any) -> Any:
    """Return the value with numbers beyond the range of jsonb as texts."""
    if isinstance(value, Decimal):
        return value if abs(value.adjusted()) < 300 else str(value)
    if isinstance(value, dict):
        return {key: bound_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bound_numbers(inner) for inner in value]
    return value
