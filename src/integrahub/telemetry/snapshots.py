"""Snapshots of the metrics of processes, and their sum. Ended processes count, so that counters never decrease."""

import json
from collections.abc import Iterable, Mapping

from integrahub.telemetry.instruments import Gauge, Labels, Metric, Values
from integrahub.telemetry.metrics.registry import PROCESS_METRICS

Counts = dict[str, Values]  # vectors by metric name and label values
_METRICS: dict[str, Metric] = {metric.name: metric for metric in PROCESS_METRICS}


def capture() -> Counts:
    """Return the values that this process counted."""
    return {metric.name: metric.values for metric in PROCESS_METRICS}


def encode(counts: Counts) -> bytes:
    """Return the counts as JSON."""
    return json.dumps({name: list(map(list, values.items())) for name, values in counts.items()}).encode()


def decode(text: bytes) -> Counts:
    """Parse JSON; raise ValueError if it is none. Skip metrics unknown to this version or of another shape."""
    decoded = {name: [(tuple(labels), vector) for labels, vector in rows] for name, rows in json.loads(text).items()}
    return {
        name: {labels: vector for labels, vector in rows if _fits(_METRICS[name], labels, vector)}
        for name, rows in decoded.items()
        if name in _METRICS
    }


def _fits(metric: Metric, labels: Labels, vector: list[float]) -> bool:
    return len(labels) == len(metric.labels) and len(vector) == len(metric.zero())


class SnapshotAggregator:
    """Sum the snapshots of processes. `ended` are the counts of processes that ended earlier."""

    def __init__(self, ended: Counts | None = None) -> None:
        self._ended: Counts = ended or {}
        self._latest: dict[str, Counts] = {}

    def update(self, process: str, counts: Counts) -> None:
        """Store the latest snapshot of a process. A restarted process needs a new name."""
        self._latest[process] = counts

    def keep_only(self, running: Iterable[str]) -> None:
        """Keep only these processes; add the counters of all others to those of ended processes."""
        for process in self._latest.keys() - set(running):
            self._ended = _sum([self._ended, _without_gauges(self._latest.pop(process))])

    def total(self) -> Counts:
        """Return the sum over all processes; of gauges, the maximum over the running ones."""
        return _sum([self._ended, *self._latest.values()])

    def counters(self) -> Counts:
        """Return the sums without gauges, for the next supervisor to start with."""
        return _without_gauges(self.total())


def _without_gauges(counts: Counts) -> Counts:
    return {name: values for name, values in counts.items() if not isinstance(_METRICS[name], Gauge)}


def _sum(parts: list[Counts]) -> Counts:
    total: Counts = {}
    for counts in parts:
        for name, values in counts.items():
            largest = isinstance(_METRICS[name], Gauge)
            _join(total.setdefault(name, {}), values, largest=largest)
    return total


def _join(into: Values, values: Mapping[Labels, list[float]], *, largest: bool) -> None:
    for labels, vector in values.items():
        before = into.get(labels)
        if before is None:
            into[labels] = list(vector)
        elif largest:
            into[labels] = [max(before[0], vector[0])]
        else:
            into[labels] = [a + b for a, b in zip(before, vector, strict=True)]
