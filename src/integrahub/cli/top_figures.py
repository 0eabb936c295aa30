"""What /metrics told over some seconds, as figures a person reads."""

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
_WINDOW_SECONDS = 10.0  # of looks, over which rates are taken
_STEP_SECONDS = 4.0  # a counter that did not move for so long stands still
_SETTLED = ("inserted", "updated", "unchanged", "merged")


@dataclass(frozen=True, slots=True)
class MetricsSample:
    """One look: `at` in monotonic seconds, values by sample and labels."""

    at: float
    values: dict[str, dict[frozenset[tuple[str, str]], float]]

    @classmethod
    def of(cls, text: str) -> "MetricsSample":
        """From the exposition."""
        values: dict[str, dict[frozenset[tuple[str, str]], float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values[sample.name][frozenset(sample.labels.items())] = sample.value
        return cls(monotonic(), values)

    def sum(self, metric: Metric, **wanted: str) -> float:
        """Of all values whose labels are, or begin with, those wanted."""
        rows = ((dict(labels), value) for labels, value in self.values.get(metric.name, {}).items())
        return sum(
            value for labels, value in rows if all(labels[name].startswith(start) for name, start in wanted.items())
        )

    def by(self, metric: Metric, label: str) -> dict[str, float]:
        """Values by one label."""
        return {dict(labels)[label]: value for labels, value in self.values.get(metric.name, {}).items()}


@dataclass
class Rates:
    """Looks of the last seconds. The fleet adds its processes up every 1 to 3 s, so that counters move in steps."""

    looks: deque[MetricsSample] = field(default_factory=deque)

    def add(self, now: MetricsSample) -> None:
        """Take one more look; those older than the window go."""
        self.looks.append(now)
        while len(self.looks) > 2 and now.at - self.looks[1].at >= _WINDOW_SECONDS:
            self.looks.popleft()

    def of(self, metric: Metric, **wanted: str) -> float:
        """Growth a second, measured from step to step: between looks in which the counter had just moved."""
        series = [(look.at, look.sum(metric, **wanted)) for look in self.looks]
        moved = [now for before, now in pairwise(series) if now[1] != before[1]]
        if not moved:
            return 0.0
        (begun, first), (ended, last) = (moved[0] if len(moved) > 1 else series[0]), moved[-1]
        if len(moved) == 1 or series[-1][0] - ended > _STEP_SECONDS:  # it stands still since
            ended = series[-1][0]
        return round(max(0.0, last - first) / max(ended - begun, 1e-6), 1)


def figures(rates: Rates) -> dict[str, Any]:
    """Rates over the window, and what is now; `as_of` is when the costly figures were last counted."""
    now = rates.looks[-1]
    age = now.sum(STATISTICS_AGE) if STATISTICS_AGE.name in now.values else None
    return {
        "per_second": {
            "products": rates.of(PRODUCTS_SETTLED),
            "posts": rates.of(BATCHES_CREATED),
            "requests": rates.of(HTTP_REQUESTS),
            "refused": rates.of(HTTP_REQUESTS, status="5"),
            "chunks": rates.of(CHUNKS_PROCESSED),
        },
        "products_24h": int(sum(now.sum(HISTORY_PRODUCTS, window="24h", result=name) for name in _SETTLED)),
        "pharmacies_24h": int(now.sum(PHARMACIES_SEEN, window="24h")),
        "as_of": None if age is None else (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds"),
        "steps": _steps(now),
        "troubles": {name: int(now.sum(metric)) for name, metric in _TROUBLES.items()},
        "breakers": {name: str(_STATES[state]) for name, state in now.by(BREAKER_STATE, "dependency").items()},
    }


def _steps(now: MetricsSample) -> dict[str, dict[str, int | None]]:
    active, most = now.by(WORKERS_ACTIVE, "step"), now.by(WORKERS_MAX, "step")
    restarts, waiting = now.by(WORKER_RESTARTS, "step"), now.by(BACKLOG_RECORDS, "step")
    lag = now.by(LAG, "topic")
    return {
        step: {
            "workers": int(active[step]),
            "most": int(most.get(step, 1)),
            "restarts": int(restarts.get(step, 0)),
            "records_waiting": int(waiting[step]) if step in waiting else None,
            "messages_waiting": int(lag[_TOPIC_OF[step]]) if _TOPIC_OF.get(step) in lag else None,
        }
        for step in sorted(active)
    }
