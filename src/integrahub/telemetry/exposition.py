"""Metrics as the text Prometheus reads."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from integrahub.telemetry.metrics.registry import PROCESS_METRICS
from integrahub.telemetry.snapshots import Counts

_PROCESS = CollectorRegistry()
ProcessCollector(registry=_PROCESS)


class _Made(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def text(families: Iterable[Family]) -> bytes:
    """The families, one after another."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Made(families))
    return generate_latest(registry)


def counted(counts: Counts) -> list[Family]:
    """What processes counted, in the order of the reference."""
    return [metric.family(counts[metric.name]) for metric in PROCESS_METRICS if counts.get(metric.name)]


def of_process() -> list[Family]:
    """Memory, CPU and open files of this process."""
    return list(_PROCESS.collect())
