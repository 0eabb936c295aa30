"""Nested values of records: how deep they are, what texts they hold, what a jsonb column can keep of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def depth(value: Any) -> int:
    """How deep objects and lists are nested; 0 for a plain value."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def texts(value: Any) -> Iterator[str]:
    """Every text of a decoded value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def bounded(value: Any) -> Any:
    """The value with numbers beyond what jsonb can hold as text."""
    if isinstance(value, Decimal):
        return value if abs(value.adjusted()) < 300 else str(value)
    if isinstance(value, dict):
        return {key: bounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner) for inner in value]
    return value
