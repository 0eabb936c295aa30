"""Every metric of the registry."""

from integrahub.telemetry.instruments import Metric
from integrahub.telemetry.metrics.registry import ALL_METRICS
from tests.reference.parts import Part, code, to_table


def render() -> str:
    """Return a row for each metric."""
    return to_table(("metric", "type", "unit", "source", "meaning", "remedy"), map(_to_row, ALL_METRICS))


def _to_row(metric: Metric) -> tuple[str, ...]:
    labels = "{" + ",".join(metric.labels) + "}" if metric.labels else ""
    facts = (metric.kind, metric.unit, str(metric.source), metric.meaning, metric.remedy)
    return (code(f"{metric.name}{labels}"), *facts)


PARTS = (Part("reference/metrics.md", "metrics", render),)
