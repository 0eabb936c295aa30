"""Wrong keys in the log: a line a minute and address, so that guessing shows and floods nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from integrahub.resilience.rate_limit import client_network

_SPACING = 60.0  # seconds between two lines about one address
_MOST = 10_000  # addresses remembered
_log = structlog.get_logger()


@dataclass(slots=True)
class _Seen:
    logged_at: float
    since: int = 0


class FailedKeyLog:
    """Counts refused keys by address. IPv6 addresses of one /64 are one, as its owner has them all."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def note(self, address: str) -> None:
        """Log the first refusal of an address, then once a minute how many there were."""
        place, now = client_network(address), self._clock()
        if place not in self._seen and len(self._seen) >= _MOST:
            self._seen.clear()
        seen = self._seen.setdefault(place, _Seen(float("-inf")))
        seen.since += 1
        if now - seen.logged_at >= _SPACING:
            _log.warning("wrong keys refused", action="refuse_key", address=place, keys=seen.since)
            seen.logged_at, seen.since = now, 0
