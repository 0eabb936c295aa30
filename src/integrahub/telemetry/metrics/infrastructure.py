"""Metrics of the bus, PostgreSQL, storage and circuit breakers."""

from integrahub.telemetry.instruments import Gauge, MetricSource

BREAKER_STATE = Gauge(
    name="integrahub_breaker_state",
    unit="state",
    labels=("dependency",),
    meaning="State of a circuit breaker in the reporting process: 0 closed, 1 half-open, 2 open",
    remedy="Open: check the dependency; /health shows its last error.",
)
LAG = Gauge(
    name="integrahub_lag",
    unit="messages",
    labels=("topic", "group"),
    source=MetricSource.HUB,
    meaning="Messages that a consumer group has not yet processed",
    remedy="Proceed as for the backlog; lag without a backlog needs no action.",
)
POSTGRESQL_CONNECTIONS = Gauge(
    name="integrahub_postgresql_connections",
    unit="connections",
    source=MetricSource.HUB,
    meaning="Client connections to PostgreSQL",
    remedy="Near the maximum: lower POOL_MAX_SIZE or the number of processes, or raise `max_connections`.",
)
POSTGRESQL_CONNECTIONS_MAX = Gauge(
    name="integrahub_postgresql_connections_max",
    unit="connections",
    source=MetricSource.HUB,
    meaning="Maximum number of client connections, without those reserved for superusers",
    remedy="Too low for all processes: raise `max_connections` of PostgreSQL.",
)
STORAGE_USED = Gauge(
    name="integrahub_storage_used_bytes",
    unit="bytes",
    source=MetricSource.HUB,
    meaning="Bytes used in storage: on the disk, or in the bucket by stored batches",
    remedy="Near capacity: enlarge the disk or quota, or shorten the retention.",
)
STORAGE_CAPACITY = Gauge(
    name="integrahub_storage_capacity_bytes",
    unit="bytes",
    source=MetricSource.HUB,
    meaning="Capacity of the disk, or STORAGE_QUOTA; absent if neither is known",
    remedy="Absent for a bucket: set STORAGE_QUOTA.",
)
STATISTICS_AGE = Gauge(
    name="integrahub_statistics_age_seconds",
    unit="seconds",
    source=MetricSource.HUB,
    meaning="Time since the statistics step last counted the expensive figures",
    remedy="Growing: start a worker of the step `statistics`, or check PostgreSQL for overload.",
)
