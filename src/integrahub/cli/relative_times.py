"""Times as a person names them."""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_moment(text: str | None, now: datetime | None = None) -> str | None:
    """Return the time as the API reads it: of a date, a local time, or so long ago. BadParameter for another text."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        return ((now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except ValueError:
        told = f"{text!r} is no time; expected 2026-03-01, 2026-03-01T10:00, or 30m, 2h, 7d for so long ago"
        raise typer.BadParameter(told, param_hint="--since") from None
