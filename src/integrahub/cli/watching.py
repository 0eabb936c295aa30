"""What /metrics told, twice, as figures a person reads."""

from collections import defaultdict
from dataclasses import dataclass
from time import monotonic
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from integrahub.domain.breakers import BreakerState
from integrahub.telemetry import metrics
from integrahub.telemetry.instruments import Metric

_STATES = {0.0: BreakerState.CLOSED, 1.0: BreakerState.HALF_OPEN, 2.0: BreakerState.OPEN}
_TOPIC_OF = {"split": "batches.received", "upsert": "chunks.ready", "finish": "batches.upserted"}
_TROUBLES = {
    "unaccounted_records": metrics.UNACCOUNTED_RECORDS,
    "dead_letters": metrics.DEAD_LETTERS,
    "held_deactivations": metrics.DEACTIVATIONS_HELD,
    "silent_pharmacies": metrics.PHARMACIES_SILENT,
}
_SETTLED = ("inserted", "updated", "unchanged", "merged")


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: `at` in monotonic seconds, values by sample and labels."""

    at: float
    values: dict[str, dict[frozenset[tuple[str, str]], float]]

    @classmethod
    def of(cls, text: str) -> "Seen":
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


def figures(before: Seen, now: Seen) -> dict[str, Any]:
    """Rates between two looks, and what is now."""

    def rate(metric: Metric, **wanted: str) -> float:
        grown = now.sum(metric, **wanted) - before.sum(metric, **wanted)
        return round(max(0.0, grown) / max(now.at - before.at, 1e-6), 1)

    return {
        "per_second": {
            "products": rate(metrics.PRODUCTS_SETTLED),
            "posts": rate(metrics.BATCHES_CREATED),
            "requests": rate(metrics.HTTP_REQUESTS),
            "refused": rate(metrics.HTTP_REQUESTS, status="5"),
            "chunks": rate(metrics.CHUNKS_PROCESSED),
        },
        "products_24h": int(sum(now.sum(metrics.HISTORY_PRODUCTS, window="24h", result=name) for name in _SETTLED)),
        "pharmacies_24h": int(now.sum(metrics.PHARMACIES_SEEN, window="24h")),
        "steps": _steps(now),
        "troubles": {name: int(now.sum(metric)) for name, metric in _TROUBLES.items()},
        "breakers": {name: str(_STATES[state]) for name, state in now.by(metrics.BREAKER_STATE, "dependency").items()},
    }


def _steps(now: Seen) -> dict[str, dict[str, int | None]]:
    active, most = now.by(metrics.WORKERS_ACTIVE, "step"), now.by(metrics.WORKERS_MAX, "step")
    restarts, waiting = now.by(metrics.WORKER_RESTARTS, "step"), now.by(metrics.BACKLOG_RECORDS, "step")
    lag = now.by(metrics.LAG, "topic")
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
