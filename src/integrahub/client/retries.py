"""Delays before retries: what the hub requests, or exponential backoff; always with jitter."""

import random

_FIRST_DELAY_SECONDS = 0.5
_MAX_RETRY_BACKOFF_SECONDS = 30.0
_MAX_RETRY_DELAY_SECONDS = 300.0
_JITTER = 0.2  # so that clients refused together do not return together
_MIN_SPREAD_SECONDS = 0.25


def retry_delay(attempt: int, retry_after: float | None) -> float:
    """Return the seconds before retry number `attempt` (from 1). Never less than the hub requests, up to 5 minutes."""
    if retry_after is not None:
        wait = min(retry_after, _MAX_RETRY_DELAY_SECONDS)
        return wait + random.uniform(0, max(_MIN_SPREAD_SECONDS, wait * _JITTER))
    longest = min(_MAX_RETRY_BACKOFF_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 16))
    return random.uniform(longest / 2, longest)
