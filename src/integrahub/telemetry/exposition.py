"""Exposition of metrics in the text format of Prometheus."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from integrahub.telemetry.metrics.registry import PROCESS_METRICS
from integrahub.telemetry.snapshots import Counts

_PROCESS_REGISTRY = CollectorRegistry()
ProcessCollector(registry=_PROCESS_REGISTRY)


class _FixedCollector(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def render_text(families: Iterable[Family]) -> bytes:
    """Return the exposition of the families, in their order."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FixedCollector(families))
    return generate_latest(registry)


def families_of(counts: Counts) -> list[Family]:
    """Return the families of counted metrics, in the order of the registry."""
    return [metric.family(counts[metric.name]) for metric in PROCESS_METRICS if counts.get(metric.name)]


def process_families() -> list[Family]:
    """Return memory, CPU time and open files of this process."""
    return list(_PROCESS_REGISTRY.collect())
