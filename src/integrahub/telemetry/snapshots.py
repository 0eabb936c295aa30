"""Counts of several processes put together, also of those that are gone, so that no sum goes backwards."""

import json
from collections.abc import Iterable, Mapping

from integrahub.telemetry.instruments import Gauge, Labels, Metric, Values
from integrahub.telemetry.metrics.registry import PROCESS_METRICS

Counts = dict[str, Values]  # metric -> label values -> vector
_METRICS: dict[str, Metric] = {metric.name: metric for metric in PROCESS_METRICS}


def capture() -> Counts:
    """What this process counted."""
    return {metric.name: metric.values for metric in PROCESS_METRICS}


def encode(counts: Counts) -> bytes:
    """As JSON."""
    return json.dumps({name: list(map(list, values.items())) for name, values in counts.items()}).encode()


def decode(text: bytes) -> Counts:
    """From JSON, or ValueError. Metrics this version does not have, or has in another shape, are left out."""
    read = {name: [(tuple(labels), vector) for labels, vector in rows] for name, rows in json.loads(text).items()}
    return {
        name: {labels: vector for labels, vector in rows if _fits(_METRICS[name], labels, vector)}
        for name, rows in read.items()
        if name in _METRICS
    }


def _fits(metric: Metric, labels: Labels, vector: list[float]) -> bool:
    return len(labels) == len(metric.labels) and len(vector) == len(metric.nothing())


class SnapshotAggregator:
    """`gone` are the counts of those that ended before."""

    def __init__(self, gone: Counts | None = None) -> None:
        self._gone: Counts = gone or {}
        self._latest: dict[str, Counts] = {}

    def update(self, process: str, counts: Counts) -> None:
        """What a process tells now; a process that starts anew under an old name needs a new one here."""
        self._latest[process] = counts

    def keep_only(self, living: Iterable[str]) -> None:
        """All but these have ended: what they counted stays."""
        for process in self._latest.keys() - set(living):
            self._gone = _sum([self._gone, _lasting(self._latest.pop(process))])

    def total(self) -> Counts:
        """Of all there are and were; of gauges the largest of those there are."""
        return _sum([self._gone, *self._latest.values()])

    def counters(self) -> Counts:
        """What a successor begins with."""
        return _lasting(self.total())


def _lasting(counts: Counts) -> Counts:
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
