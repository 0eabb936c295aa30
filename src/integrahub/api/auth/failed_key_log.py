"""Log of wrong keys, one line per minute and client network: guessing shows, and does not flood the log."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from integrahub.resilience.rate_limit import client_network

_LOG_INTERVAL_SECONDS = 60.0
_MAX_NETWORKS = 10_000
_log = structlog.get_logger()


@dataclass(slots=True)
class _Failures:
    logged_at: float
    count: int = 0  # since then


class FailedKeyLog:
    """Count wrong keys by client network and log the counts. The addresses of one IPv6 /64 are one network."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failures] = {}

    def record(self, address: str) -> None:
        """Count a wrong key. Log the first one of a network at once, later ones once a minute with their number."""
        network, now = client_network(address), self._clock()
        if network not in self._failures and len(self._failures) >= _MAX_NETWORKS:
            self._failures.clear()
        failures = self._failures.setdefault(network, _Failures(float("-inf")))
        failures.count += 1
        if now - failures.logged_at >= _LOG_INTERVAL_SECONDS:
            _log.warning("wrong keys refused", action="refuse_key", address=network, keys=failures.count)
            failures.logged_at, failures.count = now, 0
