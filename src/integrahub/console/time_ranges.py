"""Time ranges in addresses of pages: `24h`, `7d`, or an absolute time."""

import re
from datetime import UTC, datetime, timedelta

_RELATIVE = re.compile(r"([0-9]{1,4})([hd])")
_HOURS = {"h": 1, "d": 24}
_FIRST_YEAR, _LAST_YEAR = 1970, 9000  # of times in addresses: others cannot be shown in every zone


def parse_time(text: str | None, now: datetime) -> datetime | None:
    """Return the time that a parameter says; None if it says none. A time without zone is in UTC."""
    if not text:
        return None
    if match := _RELATIVE.fullmatch(text):
        return now - timedelta(hours=int(match[1]) * _HOURS[match[2]])
    try:
        time = check_year(datetime.fromisoformat(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def check_year(time: datetime) -> datetime:
    """Return a time of an address. Raise ValueError if its year is one that no record of the hub has."""
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError(time)
    return time
