"""Metrics of worker processes, by step."""

from integrahub.telemetry.instruments import Counter, Gauge, MetricSource

WORKERS_ACTIVE = Gauge(
    name="integrahub_workers_active",
    unit="workers",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Workers with a recent heartbeat",
    remedy="0: start a worker of that step; read the log of the last one for why it ended.",
)
WORKERS_MAX = Gauge(
    name="integrahub_workers_max",
    unit="workers",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Maximum number of workers of a step",
    remedy="Active workers stay at the maximum while the backlog grows: raise MAX_UPSERT_WORKERS.",
)
WORKER_RESTARTS = Counter(
    name="integrahub_worker_restarts_total",
    unit="restarts",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Restarts of workers that ended without being stopped",
    remedy="Growing: read the last log lines of the process; the usual cause is a lack of memory.",
)
