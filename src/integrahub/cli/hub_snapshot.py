"""One look at a hub: its health, its metrics and its newest batches, asked at once."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import httpx

from integrahub.cli.top_figures import MetricsSample, Rates, figures
from integrahub.client.client import ApiError, Client

_BATCHES = 8
Row = dict[str, Any]


class Looking:
    """Looks at one hub again and again. What one part does not answer stays as the last look had it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rates = Rates()
        self._batches: list[Row] = []
        self._down: Row = {}
        self._asking = ThreadPoolExecutor(3)

    def close(self) -> None:
        """Ask no more; answers still on their way are not waited for."""
        self._asking.shutdown(wait=False, cancel_futures=True)

    def __call__(self) -> Row:
        """Return one look. Refused when the hub has never answered."""
        asked = [self._asking.submit(ask) for ask in (self._health, self._metrics, self._newest)]
        told = [answer.result() for answer in asked]
        if not self._rates.looks and not self._down:
            raise ApiError(next(filter(None, told), "The hub told no metrics."))
        rates = self._rates if self._rates.looks else Rates(deque([MetricsSample(monotonic(), {})]))
        return figures(rates) | {
            "batches": self._batches,
            "down": self._down,
            "silent": list(dict.fromkeys(filter(None, told))),
        }

    def _health(self) -> str:
        """Note what is down, by name, with why."""

        def take() -> None:
            checks: Row = self._client.get_any_status("/health")[1].get("checks", {})
            self._down = {name: _why(check) for name, check in checks.items() if check["status"] != "ok"}

        return _faultless(take)

    def _metrics(self) -> str:
        return _faultless(lambda: self._rates.add(MetricsSample.of(self._client.get_text("/metrics"))))

    def _newest(self) -> str:
        def take() -> None:
            self._batches = self._client.get("/v1/batches", limit=_BATCHES)["items"]

        return _faultless(take)


def _faultless(act: Callable[[], None]) -> str:
    try:
        act()
    except (ApiError, httpx.HTTPError) as error:
        return str(error) or type(error).__name__
    return ""


def _why(check: Row) -> str:
    return str(check.get("message") or check["status"])
