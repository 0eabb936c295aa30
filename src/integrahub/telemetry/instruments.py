"""Metric types: counter, gauge and histogram, with their values in this process.

A value is a vector: one number, or the observations of a histogram by bucket followed by their sum. Values live in
plain dictionaries, so counting takes 0.1 microseconds. Only the thread of the event loop may count.
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
    """Where the values of a metric come from, and so how values of several processes combine."""

    PROCESS = "process"  #: Each process counts for itself: sum the values.
    HUB = "hub"  #: The database or the bus holds the value: take the maximum.


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
        self.values |= {labels: self.zero() for labels in self.initial_labels}

    def zero(self) -> list[float]:
        """Return the vector before the first count."""
        return [0.0]

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """Return the Prometheus family of this metric with these values."""
        raise NotImplementedError


class Counter(Metric):
    """A count that only grows. Its name ends in `_total`."""

    kind = "counter"

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Increase the count of these label values."""
        if _is_enabled:
            self.values.setdefault(labels, [0.0])[0] += by

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """Return the Prometheus family of this metric with these values."""
        family = CounterMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, vector in values.items():
            family.add_metric(labels, vector[0])
        return family


class Gauge(Metric):
    """A value that can go up and down."""

    kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        """Set the current value of these label values."""
        if _is_enabled:
            self.values[labels] = [value]

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """Return the Prometheus family of this metric with these values."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, vector in values.items():
            family.add_metric(labels, vector[0])
        return family


@dataclass(eq=False, kw_only=True)
class Histogram(Metric):
    """Observations by size. `bounds` are the ascending upper bounds of the buckets, without the infinite one."""

    bounds: tuple[float, ...]
    kind = "histogram"

    def zero(self) -> list[float]:
        """Return empty buckets and a sum of zero."""
        return [0.0] * (len(self.bounds) + 2)

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation."""
        if not _is_enabled:
            return
        vector = self.values.get(labels)
        if vector is None:
            vector = self.values[labels] = self.zero()
        vector[bisect_left(self.bounds, value)] += 1
        vector[-1] += value

    def family(self, values: Mapping[Labels, list[float]]) -> Family:
        """Return the Prometheus family of this metric with these values."""
        family = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        ends = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        for labels, vector in values.items():
            cumulative = accumulate(vector[:-1])
            family.add_metric(labels, list(zip(ends, cumulative, strict=True)), vector[-1])
        return family


_is_enabled = True


def is_disabled() -> bool:
    """Return whether counting is disabled."""
    return not _is_enabled


def disable() -> None:
    """Stop counting, to measure the cost of counting."""
    global _is_enabled
    _is_enabled = False
