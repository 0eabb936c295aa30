"""Instruments: what a metric is - name, unit, meaning, remedy - and, where a process counts it itself, its values.

A value is a vector: one number, or of a histogram the observations by bucket and then their sum. Values live in plain
dictionaries, so that counting costs a tenth of a microsecond; only the event loop's thread may count.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import ClassVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

Labels = tuple[str, ...]
Values = dict[Labels, list[float]]


class MetricSource(StrEnum):
    """Who knows a metric."""

    PROCESS = "process"  #: Each process counts its own: add them up.
    HUB = "hub"  #: The database or the bus knows, and every process tells the same: take the largest.


@dataclass(eq=False, kw_only=True)
class Metric:
    """A metric and its values.

    `initial_labels` are exposed with zero from the start, so the first event already counts as an increase.
    """

    name: str
    meaning: str
    remedy: str
    unit: str = ""
    labels: Labels = ()
    initial_labels: Iterable[Labels] = ()
    source: MetricSource = MetricSource.PROCESS
    values: Values = field(default_factory=dict)
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self.values |= {labels: self.nothing() for labels in self.initial_labels}

    def nothing(self) -> list[float]:
        """The vector before anything was counted."""
        return [0.0]

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """As Prometheus reads it, with these values."""
        raise NotImplementedError


class Counter(Metric):
    """Only grows. The name ends in `_total`."""

    kind = "counter"

    def add(self, *labels: str, by: float = 1.0) -> None:
        """So many more."""
        if _counting:
            self.values.setdefault(labels, [0.0])[0] += by

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """As Prometheus reads it, with these values."""
        made = CounterMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, vector in values.items():
            made.add_metric(labels, vector[0])
        return made


class Gauge(Metric):
    """Goes up and down."""

    kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        """As it is now."""
        if _counting:
            self.values[labels] = [value]

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """As Prometheus reads it, with these values."""
        made = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, vector in values.items():
            made.add_metric(labels, vector[0])
        return made


@dataclass(eq=False, kw_only=True)
class Histogram(Metric):
    """Observations by size; `bounds` are the buckets' upper ends, ascending, the last bucket has none."""

    bounds: tuple[float, ...]
    kind = "histogram"

    def nothing(self) -> list[float]:
        """No observation in any bucket, and their sum."""
        return [0.0] * (len(self.bounds) + 2)

    def observe(self, value: float, *labels: str) -> None:
        """One observation."""
        if not _counting:
            return
        vector = self.values.get(labels)
        if vector is None:
            vector = self.values[labels] = self.nothing()
        vector[bisect_left(self.bounds, value)] += 1
        vector[-1] += value

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """As Prometheus reads it, with these values."""
        made = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        ends = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        for labels, vector in values.items():
            reached = accumulate(vector[:-1])
            made.add_metric(labels, list(zip(ends, reached, strict=True)), vector[-1])
        return made


_counting = True


def is_disabled() -> bool:
    """Whether nothing is counted."""
    return not _counting


def disable() -> None:
    """Count nothing from now on: for measuring what counting costs."""
    global _counting
    _counting = False
