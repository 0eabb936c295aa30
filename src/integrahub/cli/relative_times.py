"""Times on the command line: a date, a local time, or an age such as 2h."""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGE = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_time(text: str | None, now: datetime | None = None) -> str | None:
    """Return the time in ISO 8601 with its offset. Raise BadParameter for any other text."""
    if text is None:
        return None
    if age := _AGE.fullmatch(text.strip()):
        return ((now or datetime.now(UTC)) - timedelta(**{_UNITS[age[2]]: int(age[1])})).isoformat()
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except ValueError:
        message = f"{text!r} is no time; expected 2026-03-01, 2026-03-01T10:00, or an age such as 30m, 2h, 7d"
        raise typer.BadParameter(message, param_hint="--since") from None
