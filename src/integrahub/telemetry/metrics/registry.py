"""Every metric of the hub, each named once. docs/reference/metrics.md shows them; a test keeps the two alike.

No label has values without bound: what is of one pharmacy lives in the database.
"""

from integrahub.domain.batches import FINAL, LoadType
from integrahub.domain.products import SETTLED
from integrahub.domain.steps import CONSUMING_STEPS, GROUPS
from integrahub.telemetry.instruments import Counter, Gauge, Histogram, Metric, MetricSource
from integrahub.telemetry.metrics.protection import GUARDS

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_BYTES = (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6, 256e6)
_LONG = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
_FINAL = [(status.value,) for status in sorted(FINAL)]
POST_ROUTE = "/v1/inovafarma/products"

HTTP_REQUESTS = Counter(
    name="integrahub_http_requests_total",
    unit="requests",
    labels=("method", "route", "status"),
    initial_labels=[("POST", POST_ROUTE, "202"), ("POST", POST_ROUTE, "503")],
    meaning="Requests answered, by the route's template; what matches no route is `unmatched`",
    remedy="Many 5xx: /health tells which dependency is away. Many 4xx: read the answers' `code`; a client changed.",
)
HTTP_DURATION = Histogram(
    name="integrahub_http_request_duration_seconds",
    unit="seconds",
    labels=("method", "route"),
    initial_labels=[("POST", POST_ROUTE)],
    bounds=_SECONDS,
    meaning="From the request's head to the end of its answer, the client's sending included",
    remedy="Slow with free CPU: PostgreSQL or storage is slow, see /health. Slow with busy CPU: more API processes.",
)
UPLOAD_DURATION = Histogram(
    name="integrahub_upload_duration_seconds",
    unit="seconds",
    initial_labels=[()],
    bounds=_SECONDS,
    meaning="Of accepted posts: from the head to the moment body and batch are durable",
    remedy="As for requests; large bodies take as long as the client's line needs.",
)
UPLOAD_BYTES = Histogram(
    name="integrahub_upload_bytes",
    unit="bytes",
    initial_labels=[()],
    bounds=_BYTES,
    meaning="Decoded size of accepted bodies",
    remedy="Bodies near MAX_PAYLOAD_SIZE: raise it, or ask for several DELTAs.",
)
UPLOAD_LAST_BYTES = Gauge(
    name="integrahub_upload_last_bytes",
    unit="bytes",
    initial_labels=[()],
    meaning="Decoded size of the latest accepted body",
    remedy="None; it shows that posts come in.",
)
BATCHES_CREATED = Counter(
    name="integrahub_batches_created_total",
    unit="batches",
    labels=("load_type",),
    initial_labels=[(load_type.value,) for load_type in LoadType],
    meaning="Posts that became a batch; repeats of an earlier one are not counted",
    remedy="None created for long: pharmacies cannot reach the hub, or their keys ended.",
)
CHUNKS_PROCESSED = Counter(
    name="integrahub_chunks_processed_total",
    unit="chunks",
    labels=("result",),
    initial_labels=[("completed",), ("dead",), ("released",)],
    meaning="Chunks a worker was done with: applied, given up, or handed back since a dependency was away",
    remedy="Dead: `integrahub dead groups`. Released: /health.",
)
CHUNK_RETRIES = Counter(
    name="integrahub_chunk_retries_total",
    unit="attempts",
    labels=("outcome",),
    initial_labels=[("scheduled",), ("succeeded",), ("exhausted",)],
    meaning="Chunks that failed and are tried again, that succeeded after having failed, or that used up all attempts",
    remedy="Scheduled without succeeded: one cause for all, see `integrahub dead groups` and the log.",
)
CHUNK_DURATION = Histogram(
    name="integrahub_chunk_duration_seconds",
    unit="seconds",
    initial_labels=[()],
    bounds=_SECONDS,
    meaning="From the claim of a chunk to the commit of its effect",
    remedy="Growing: PostgreSQL waits for disk or locks; look at its log and at autovacuum of `products`.",
)
PRODUCTS_SETTLED = Counter(
    name="integrahub_products_total",
    unit="products",
    labels=("result",),
    initial_labels=[(result,) for result in SETTLED],
    meaning="Products settled by committed chunks, by what became of them",
    remedy="Rejected growing: `integrahub batch errors ID` of the latest PARTIAL_FAIL.",
)
ERRORS = Counter(
    name="integrahub_errors_total",
    unit="failures",
    labels=("step", "code"),
    initial_labels=[(step, "dependency_unavailable") for step in ("ingest", *CONSUMING_STEPS, "periodic")],
    meaning="Work that failed, by step and cause: a refusal's code, an SQLSTATE, or the class of the fault",
    remedy="`dependency_unavailable`: /health. Other codes: the log's lines with `action` of that step.",
)
DEAD_MESSAGES = Counter(
    name="integrahub_dead_messages_total",
    unit="messages",
    labels=("topic",),
    initial_labels=[(topic,) for topic in GROUPS],
    meaning="Messages that left their topic since no step can work on them",
    remedy="`integrahub dead list`, `dead show ID`: its message and why; then `dead replay ID`.",
)
BREAKER_STATE = Gauge(
    name="integrahub_breaker_state",
    unit="state",
    labels=("dependency",),
    meaning="Whether calls go through, as the telling process sees it: 0 closed, 1 half-open, 2 open",
    remedy="Open: the dependency does not answer; /health repeats its last error.",
)
LIMITER_FAILURES = Counter(
    name="integrahub_rate_limiter_failures_total",
    unit="requests",
    initial_labels=[()],
    meaning="Requests let through uncounted since the limiter was away",
    remedy="As for PostgreSQL: /health; a limit is worth less than a catalogue.",
)
WEBHOOK_DELIVERIES = Counter(
    name="integrahub_webhook_deliveries_total",
    unit="deliveries",
    labels=("result",),
    initial_labels=[("delivered",), ("failed",)],
    meaning="Webhook calls by result",
    remedy="Failed: the receiver's address or certificate; see the delivery's last answer.",
)
WORKERS_ACTIVE = Gauge(
    name="integrahub_workers_active",
    unit="workers",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Workers that tell they live",
    remedy="0: start that role; see the log for why it ended.",
)
WORKERS_MAX = Gauge(
    name="integrahub_workers_max",
    unit="workers",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="The most workers a step may have",
    remedy="Active stays at the most while the backlog grows: raise MAX_UPSERT_WORKERS.",
)
WORKER_RESTARTS = Counter(
    name="integrahub_worker_restarts_total",
    unit="restarts",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Workers started again that nobody had stopped",
    remedy="Growing: the process crashes; its last lines in the log tell why, often memory.",
)
CHUNKS_PENDING = Gauge(
    name="integrahub_chunks_pending",
    unit="chunks",
    source=MetricSource.HUB,
    meaning="Chunks that are not settled",
    remedy="Growing for long: more upsert workers, or see what a batch waits for.",
)
BACKLOG_RECORDS = Gauge(
    name="integrahub_backlog_records",
    unit="records",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Records that wait for a step; before the split, estimated from bytes",
    remedy="`upsert` long: more upsert workers. `split` long: more split workers.",
)
LAG = Gauge(
    name="integrahub_lag",
    unit="messages",
    labels=("topic", "group"),
    source=MetricSource.HUB,
    meaning="Messages waiting on the bus",
    remedy="As for the backlog; lag without backlog is drained by itself.",
)
BATCHES_FINISHED = Counter(
    name="integrahub_batches_finished_total",
    unit="batches",
    labels=("status",),
    initial_labels=_FINAL,
    source=MetricSource.HUB,
    meaning="Batches that became final, by status",
    remedy="FAILED growing: `integrahub batch list --status FAILED`; the batch's error tells the byte.",
)
BATCH_DURATION = Histogram(
    name="integrahub_batch_duration_seconds",
    unit="seconds",
    bounds=_LONG,
    source=MetricSource.HUB,
    meaning="From a batch's receipt to its final status",
    remedy="Long with a backlog: more workers. Long without: batches of one pharmacy take turns.",
)
PRODUCTS = Gauge(
    name="integrahub_products",
    unit="products",
    labels=("state",),
    source=MetricSource.HUB,
    meaning="Products of all catalogues",
    remedy="A fall of `active`: a FULL deactivated much; `integrahub batch list` shows which.",
)
PHARMACIES_SEEN = Gauge(
    name="integrahub_pharmacies_seen",
    unit="pharmacies",
    labels=("window",),
    source=MetricSource.HUB,
    meaning="Pharmacies that posted within the last 24 hours, 7 and 30 days",
    remedy="Falling: `integrahub pharmacy list --silent`.",
)
PHARMACIES_SILENT = Gauge(
    name="integrahub_pharmacies_silent",
    unit="pharmacies",
    source=MetricSource.HUB,
    meaning="Pharmacies that have been silent for half as long again as ever between their last 50 posts",
    remedy="`integrahub pharmacy list --silent`; ask the pharmacy whether its ERP runs.",
)
DEACTIVATIONS_HELD = Gauge(
    name="integrahub_deactivations_held",
    unit="batches",
    source=MetricSource.HUB,
    meaning="FULLs whose deactivation waits for a person",
    remedy="`integrahub batch list`, `batch show ID`, then `batch approve` or `batch reject`.",
)
UNACCOUNTED_RECORDS = Gauge(
    name="integrahub_unaccounted_records",
    unit="records",
    source=MetricSource.HUB,
    meaning="Records that counts made apart do not agree on; anything but 0 is a fault of the hub",
    remedy="Keep the data, report it; the log names the batch (`action` is `reconcile`).",
)
DEAD_LETTERS = Gauge(
    name="integrahub_dead_letters",
    unit="letters",
    source=MetricSource.HUB,
    meaning="Dead letters nobody has settled",
    remedy="`integrahub dead groups`; mend the cause, then `integrahub dead replay`.",
)
POSTGRESQL_CONNECTIONS = Gauge(
    name="integrahub_postgresql_connections",
    unit="connections",
    source=MetricSource.HUB,
    meaning="Connections of clients to PostgreSQL",
    remedy="Near the most: lower POOL_MAX_SIZE or the number of processes, or raise `max_connections`.",
)
POSTGRESQL_CONNECTIONS_MAX = Gauge(
    name="integrahub_postgresql_connections_max",
    unit="connections",
    source=MetricSource.HUB,
    meaning="Connections clients may have, those reserved for superusers left out",
    remedy="`max_connections` of PostgreSQL.",
)
STORAGE_USED = Gauge(
    name="integrahub_storage_used_bytes",
    unit="bytes",
    source=MetricSource.HUB,
    meaning="Bytes used where bodies are kept: of the disk, or of the bucket by what the batches hold",
    remedy="Near capacity: a larger disk or quota, or a shorter retention.",
)
STORAGE_CAPACITY = Gauge(
    name="integrahub_storage_capacity_bytes",
    unit="bytes",
    source=MetricSource.HUB,
    meaning="Bytes there is room for: the disk, or STORAGE_QUOTA; absent where neither is known",
    remedy="Set STORAGE_QUOTA for a bucket.",
)
HISTORY_PRODUCTS = Gauge(
    name="integrahub_history_products",
    unit="products",
    labels=("window", "result"),
    source=MetricSource.HUB,
    meaning="Products of batches that became final within the last 24 hours, 7 and 30 days, from the hub's own history",
    remedy="None; it does not depend on how long Prometheus keeps.",
)
HISTORY_BATCHES = Gauge(
    name="integrahub_history_batches",
    unit="batches",
    labels=("window", "status"),
    source=MetricSource.HUB,
    meaning="Batches that became final within the last 24 hours, 7 and 30 days, from the hub's own history",
    remedy="As for batches finished.",
)
STATISTICS_AGE = Gauge(
    name="integrahub_statistics_age_seconds",
    unit="seconds",
    source=MetricSource.HUB,
    meaning="Since the figures that are costly to count were last counted",
    remedy="Growing: no worker runs the step `statistics`, or PostgreSQL is overloaded.",
)

ALL: tuple[Metric, ...] = (*(value for value in list(globals().values()) if isinstance(value, Metric)), *GUARDS)
OWN: tuple[Metric, ...] = tuple(metric for metric in ALL if metric.source is MetricSource.PROCESS)
