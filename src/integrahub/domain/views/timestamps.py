"""The one form of time in answers: UTC, milliseconds, `Z`."""

from datetime import UTC, datetime


def format_time(value: datetime) -> str:
    """Return a time as answers have it, for example `2026-03-01T10:00:00.000Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
