"""Every metric of the registry."""

from integrahub.telemetry.instruments import Metric
from integrahub.telemetry.metrics.registry import ALL_METRICS
from tests.reference.parts import code, to_table
from tests.reference.translations import Translate


def render(text: Translate) -> str:
    """Return a row for each metric."""
    head = map(text, ("metric", "type", "unit", "source", "meaning", "remedy"))
    return to_table(head, (_to_row(metric, text) for metric in ALL_METRICS))


def _to_row(metric: Metric, text: Translate) -> tuple[str, ...]:
    labels = "{" + ",".join(metric.labels) + "}" if metric.labels else ""
    facts = (metric.kind, text(metric.unit), str(metric.source), text(metric.meaning), text(metric.remedy))
    return (code(f"{metric.name}{labels}"), *facts)
