"""Figures of `integrahub top`: rates and gauges from scrapes of /metrics over some seconds."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from integrahub.domain.steps import STEP_TABLE
from integrahub.resilience.circuit_breaker import CircuitState
from integrahub.telemetry.instruments import Metric
from integrahub.telemetry.metrics.catalogue import HISTORY_PRODUCTS, PHARMACIES_SEEN, PHARMACIES_SILENT
from integrahub.telemetry.metrics.http import HTTP_REQUESTS
from integrahub.telemetry.metrics.infrastructure import BREAKER_STATE, LAG, STATISTICS_AGE
from integrahub.telemetry.metrics.pipeline import (
    BACKLOG_RECORDS,
    BATCHES_CREATED,
    CHUNKS_PROCESSED,
    DEACTIVATIONS_HELD,
    DEAD_LETTERS,
    PRODUCTS_SETTLED,
    UNACCOUNTED_RECORDS,
)
from integrahub.telemetry.metrics.workers import WORKER_RESTARTS, WORKERS_ACTIVE, WORKERS_MAX

_STATES = {0.0: CircuitState.CLOSED, 1.0: CircuitState.HALF_OPEN, 2.0: CircuitState.OPEN}
_TOPIC_OF = {step.name: topic for step in STEP_TABLE for topic in step.groups if len(step.groups) == 1}
_TROUBLES = {
    "unaccounted_records": UNACCOUNTED_RECORDS,
    "dead_letters": DEAD_LETTERS,
    "held_deactivations": DEACTIVATIONS_HELD,
    "silent_pharmacies": PHARMACIES_SILENT,
}
_WINDOW_SECONDS = 10.0  # of samples, over which rates are computed
_IDLE_AFTER_SECONDS = 4.0  # a counter without an increment for this time is idle
_SETTLED = ("inserted", "updated", "unchanged", "merged")


@dataclass(frozen=True, slots=True)
class MetricsSample:
    """One scrape: `at` in monotonic seconds; values by metric and labels."""

    at: float
    values: dict[str, dict[frozenset[tuple[str, str]], float]]

    @classmethod
    def parse(cls, text: str) -> "MetricsSample":
        """Parse an exposition."""
        values: dict[str, dict[frozenset[tuple[str, str]], float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values[sample.name][frozenset(sample.labels.items())] = sample.value
        return cls(monotonic(), values)

    def sum(self, metric: Metric, **prefixes: str) -> float:
        """Return the sum of all values whose labels begin with the given prefixes."""
        rows = ((dict(labels), value) for labels, value in self.values.get(metric.name, {}).items())
        return sum(
            value for labels, value in rows if all(labels[name].startswith(start) for name, start in prefixes.items())
        )

    def by(self, metric: Metric, label: str) -> dict[str, float]:
        """Return the values by one label."""
        return {dict(labels)[label]: value for labels, value in self.values.get(metric.name, {}).items()}


@dataclass
class Rates:
    """Samples of the last seconds. The supervisor sums its processes every 1 to 3 s, so counters grow in steps."""

    samples: deque[MetricsSample] = field(default_factory=deque)

    def add(self, sample: MetricsSample) -> None:
        """Add a sample, and drop those older than the window."""
        self.samples.append(sample)
        while len(self.samples) > 2 and sample.at - self.samples[1].at >= _WINDOW_SECONDS:
            self.samples.popleft()

    def of(self, metric: Metric, **prefixes: str) -> float:
        """Return the growth per second, measured between two samples in which the counter had just grown."""
        series = [(sample.at, sample.sum(metric, **prefixes)) for sample in self.samples]
        steps = [current for before, current in pairwise(series) if current[1] != before[1]]
        if not steps:
            return 0.0
        (started, first), (ended, last) = (steps[0] if len(steps) > 1 else series[0]), steps[-1]
        if len(steps) == 1 or series[-1][0] - ended > _IDLE_AFTER_SECONDS:
            ended = series[-1][0]
        return round(max(0.0, last - first) / max(ended - started, 1e-6), 1)


def compute_figures(rates: Rates) -> dict[str, Any]:
    """Return the rates over the window and the newest gauges; `as_of` is the time of the last count of pharmacies."""
    newest = rates.samples[-1]
    age = newest.sum(STATISTICS_AGE) if STATISTICS_AGE.name in newest.values else None
    settled = sum(newest.sum(HISTORY_PRODUCTS, window="24h", result=name) for name in _SETTLED)
    breakers = newest.by(BREAKER_STATE, "dependency")
    return {
        "per_second": {
            "products": rates.of(PRODUCTS_SETTLED),
            "posts": rates.of(BATCHES_CREATED),
            "requests": rates.of(HTTP_REQUESTS),
            "refused": rates.of(HTTP_REQUESTS, status="5"),
            "chunks": rates.of(CHUNKS_PROCESSED),
        },
        "products_24h": int(settled),
        "pharmacies_24h": int(newest.sum(PHARMACIES_SEEN, window="24h")),
        "as_of": None if age is None else (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds"),
        "steps": _compute_steps(newest),
        "troubles": {name: int(newest.sum(metric)) for name, metric in _TROUBLES.items()},
        "breakers": {name: str(_STATES[state]) for name, state in breakers.items()},
    }


def _compute_steps(newest: MetricsSample) -> dict[str, dict[str, int | None]]:
    active, limits = newest.by(WORKERS_ACTIVE, "step"), newest.by(WORKERS_MAX, "step")
    restarts, waiting = newest.by(WORKER_RESTARTS, "step"), newest.by(BACKLOG_RECORDS, "step")
    lag = newest.by(LAG, "topic")
    return {
        step: {
            "workers": int(active[step]),
            "most": int(limits.get(step, 1)),
            "restarts": int(restarts.get(step, 0)),
            "records_waiting": int(waiting[step]) if step in waiting else None,
            "messages_waiting": int(lag[_TOPIC_OF[step]]) if _TOPIC_OF.get(step) in lag else None,
        }
        for step in sorted(active)
    }
