"""Repeated snapshots of a hub for `integrahub top`: health, metrics and newest batches, requested in parallel."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import httpx2

from integrahub.cli.top_figures import MetricsSample, Rates, compute_figures
from integrahub.client import ApiError, Client

_MAX_BATCHES = 8
Row = dict[str, Any]


class HubSnapshots:
    """Takes snapshots of one hub. A request that fails leaves its part as in the last snapshot."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rates = Rates()
        self._batches: list[Row] = []
        self._down: Row = {}
        self._threads = ThreadPoolExecutor(3)

    def close(self) -> None:
        """Stop without waiting for requests in progress."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def take(self) -> Row:
        """Return a snapshot. Raise ApiError if the hub has never answered."""
        parts = (self._update_health, self._update_metrics, self._update_batches)
        requests = [self._threads.submit(_capture_error, part) for part in parts]
        errors = [request.result() for request in requests]
        if not self._rates.samples and not self._down:
            raise ApiError(next(filter(None, errors), "The hub returned no metrics."))
        rates = self._rates if self._rates.samples else Rates(deque([MetricsSample(monotonic(), {})]))
        return compute_figures(rates) | {
            "batches": self._batches,
            "down": self._down,
            "silent": list(dict.fromkeys(filter(None, errors))),
        }

    def _update_health(self) -> None:
        checks: Row = self._client.get_any_status("/health")[1].get("checks", {})
        self._down = {name: _reason(check) for name, check in checks.items() if check["status"] != "ok"}

    def _update_metrics(self) -> None:
        self._rates.add(MetricsSample.parse(self._client.get_text("/metrics")))

    def _update_batches(self) -> None:
        self._batches = self._client.get("/v1/batches", limit=_MAX_BATCHES)["items"]


def _capture_error(update: Callable[[], None]) -> str:
    """Call `update`; return the message of its error, '' if it succeeded."""
    try:
        update()
    except (ApiError, httpx2.HTTPError) as error:
        return str(error) or type(error).__name__
    return ""


def _reason(check: Row) -> str:
    return str(check.get("message") or check["status"])
