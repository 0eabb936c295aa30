"""Schedule of attempts: when a webhook is sent again, and when its endpoint is disabled. No I/O."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from integrahub.domain.webhooks.outcomes import Outcome

_MINUTE, _HOUR = 60.0, 3600.0
# Seconds from a failed attempt to the next one. The first attempt is made at once.
DELAYS_SECONDS = (
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
DELAY_VARIATION = 0.1  # share of a delay by which it may be shorter or longer
MIN_RETRY_AFTER_SECONDS, MAX_RETRY_AFTER_SECONDS = 1.0, 24 * _HOUR
_HEEDED_STATUSES = (429, 503)


def next_delay(attempts: int, outcome: Outcome, random: float) -> float | None:
    """Return the seconds until the next attempt, or None if that was the last one.

    `attempts` counts the failed ones, this one included. `random` is between 0 and 1.
    """
    if attempts > len(DELAYS_SECONDS):
        return None
    if outcome.status in _HEEDED_STATUSES and outcome.retry_after is not None:
        wait = min(max(outcome.retry_after, MIN_RETRY_AFTER_SECONDS), MAX_RETRY_AFTER_SECONDS)
        return min(wait * (1 + DELAY_VARIATION * random), MAX_RETRY_AFTER_SECONDS)  # never before the receiver wants it
    return DELAYS_SECONDS[attempts - 1] * (1 - DELAY_VARIATION + 2 * DELAY_VARIATION * random)


def read_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header names, as a number or as a date; None if it cannot be read."""
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
