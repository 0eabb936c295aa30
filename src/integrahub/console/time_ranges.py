"""Time ranges in addresses of pages: `24h`, `7d`, or an absolute time."""

import re
from datetime import UTC, datetime, timedelta

_RELATIVE = re.compile(r"([0-9]{1,4})([hd])")
_HOURS = {"h": 1, "d": 24}


def parse_time(text: str | None, now: datetime) -> datetime | None:
    """Return the time that a parameter says; None if it says none. A time without zone is in UTC."""
    if not text:
        return None
    if match := _RELATIVE.fullmatch(text):
        return now - timedelta(hours=int(match[1]) * _HOURS[match[2]])
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
