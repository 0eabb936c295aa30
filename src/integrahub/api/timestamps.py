"""The one form of time in answers: UTC, milliseconds, `Z`."""

import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any


def format_time(value: datetime) -> str:
    """Return a time with an offset as answers have it, for example `2026-03-01T10:00:00.000Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_times(value: Any) -> Any:
    """Return an answer's value with each time in it as answers have it."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, dict):
        return {name: format_times(item) for name, item in value.items()}
    return [format_times(item) for item in value] if isinstance(value, list) else value


def with_formatted_times(endpoint: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a route's endpoint whose answer has the one form of time."""

    @functools.wraps(endpoint)
    async def answered(*given: Any, **named: Any) -> Any:
        return format_times(await endpoint(*given, **named))

    return answered
