"""All metrics of the hub. `docs/reference/metrics.md` lists them; a test compares it with this registry.

No label has an unbounded set of values: figures of single pharmacies live in the database.
"""

from integrahub.telemetry.instruments import Metric, MetricSource
from integrahub.telemetry.metrics import catalogue, http, infrastructure, pipeline, webhooks, workers

ALL_METRICS: tuple[Metric, ...] = tuple(
    value
    for module in (http, pipeline, workers, webhooks, catalogue, infrastructure)
    for value in vars(module).values()
    if isinstance(value, Metric)
)
PROCESS_METRICS = tuple(metric for metric in ALL_METRICS if metric.source is MetricSource.PROCESS)
