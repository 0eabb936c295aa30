"""Metrics this process counts itself; each process has its own port, so nothing is shared between processes."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from integrahub.domain.breakers import Breaker, BreakerState

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PRODUCTS = Counter(
    "integrahub_products_total", "Products this process settled, by what became of them", ["result"], registry=REGISTRY
)
SETTLED = ("inserted", "updated", "unchanged", "merged", "rejected")
_DEGREES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class BreakerStates(Collector):
    """The state of each breaker of this process as it is when it is asked for."""

    def __init__(self, breakers: Mapping[str, Breaker]) -> None:
        self._breakers = breakers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a dependency."""
        told = "Whether calls go through: 0 closed, 1 half-open, 2 open"
        gauge = GaugeMetricFamily("integrahub_breaker_state", told, labels=["dependency"])
        for dependency, breaker in self._breakers.items():
            gauge.add_metric([dependency], _DEGREES[breaker.state])
        yield gauge
