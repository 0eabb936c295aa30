"""Metrics of batches, chunks and products on their way through the pipeline."""

from integrahub.domain.batches import FINAL, BatchKind, LoadType
from integrahub.domain.products import SETTLED, ChunkCounters
from integrahub.domain.steps import CONSUMING_STEPS, GROUPS
from integrahub.telemetry.instruments import Counter, Gauge, Histogram, MetricSource
from integrahub.telemetry.metrics.http import REQUEST_SECONDS

_BATCH_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)

BATCHES_CREATED = Counter(
    name="integrahub_batches_created_total",
    unit="batches",
    labels=("load_type",),
    initial_labels=[(load_type.value,) for load_type in LoadType],
    meaning="Batches created by posts; repeated posts of the same batch are not counted",
    remedy="No new batches for a long time: check that pharmacies reach the hub and that their keys are valid.",
)
BATCHES_FINISHED = Counter(
    name="integrahub_batches_finished_total",
    unit="batches",
    labels=("status",),
    initial_labels=[(status.value,) for status in sorted(FINAL)],
    source=MetricSource.HUB,
    meaning="Batches that reached a final status",
    remedy="FAILED grows: run `integrahub batch list --status FAILED`; the error of each batch names the byte.",
)
BATCH_DURATION = Histogram(
    name="integrahub_batch_duration_seconds",
    unit="seconds",
    bounds=_BATCH_SECONDS,
    source=MetricSource.HUB,
    meaning="Time from a batch's receipt to its final status",
    remedy="Long with a backlog: add workers. Long without one: batches of one pharmacy wait for each other.",
)
ESTIMATE_ERROR = Gauge(
    name="integrahub_estimate_error_ratio",
    unit="ratio",
    labels=("quantile",),
    source=MetricSource.HUB,
    meaning="Error of estimated completions within the last day, as a share of the time left when a tenth was done",
    remedy="`0.9` above 0.25: batches speed up or slow down midway; check for added workers and competing batches.",
)
CHUNKS_PROCESSED = Counter(
    name="integrahub_chunks_processed_total",
    unit="chunks",
    labels=("result",),
    initial_labels=[("completed",), ("dead",), ("released",)],
    meaning="Chunks that a worker completed, dead-lettered, or released because a dependency was unavailable",
    remedy="`dead`: run `integrahub dead groups`. `released`: check /health.",
)
CHUNK_RETRIES = Counter(
    name="integrahub_chunk_retries_total",
    unit="attempts",
    labels=("outcome",),
    initial_labels=[("scheduled",), ("succeeded",), ("exhausted",)],
    meaning="Chunk retries that were scheduled, that succeeded, or that used up all attempts",
    remedy="`scheduled` without `succeeded`: run `integrahub dead groups` and read the log for the common cause.",
)
CHUNK_DURATION = Histogram(
    name="integrahub_chunk_duration_seconds",
    unit="seconds",
    initial_labels=[()],
    bounds=REQUEST_SECONDS,
    meaning="Time from the claim of a chunk to the commit of its products",
    remedy="Growing: check PostgreSQL for slow disks, locks, and overdue autovacuum of `products`.",
)
CHUNKS_PENDING = Gauge(
    name="integrahub_chunks_pending",
    unit="chunks",
    source=MetricSource.HUB,
    meaning="Chunks that are not yet completed, dead or cancelled",
    remedy="Growing for long: add upsert workers, or run `integrahub batch show ID` to see what a batch waits for.",
)
BACKLOG_RECORDS = Gauge(
    name="integrahub_backlog_records",
    unit="records",
    labels=("step",),
    source=MetricSource.HUB,
    meaning="Records waiting for a step; before the split, estimated from the body size",
    remedy="`upsert` is high: add upsert workers. `split` is high: add split workers.",
)
PRODUCTS_SETTLED = Counter(
    name="integrahub_products_total",
    unit="products",
    labels=("result",),
    initial_labels=[(result,) for result in SETTLED],
    meaning="Products of completed chunks, by result",
    remedy="`rejected` grows: run `integrahub batch errors ID` for the latest PARTIAL_FAIL batch.",
)
DEACTIVATIONS_HELD = Gauge(
    name="integrahub_deactivations_held",
    unit="batches",
    source=MetricSource.HUB,
    meaning="FULL batches whose deactivation waits for an operator's decision",
    remedy="Run `integrahub batch list --held` and `batch show ID`, then `batch approve` or `batch reject`.",
)
UNACCOUNTED_RECORDS = Gauge(
    name="integrahub_unaccounted_records",
    unit="records",
    source=MetricSource.HUB,
    meaning="Records on which two independent counts disagree; any value but 0 is a bug of the hub",
    remedy="Keep the data and report the bug; the log names the batch (`action` is `reconcile`).",
)
DEAD_LETTERS = Gauge(
    name="integrahub_dead_letters",
    unit="letters",
    source=MetricSource.HUB,
    meaning="Unresolved dead letters",
    remedy="Run `integrahub dead groups`, fix the cause, then run `integrahub dead replay`.",
)
DEAD_MESSAGES = Counter(
    name="integrahub_dead_messages_total",
    unit="messages",
    labels=("topic",),
    initial_labels=[(topic,) for topic in GROUPS],
    meaning="Messages moved to the dead-letter topic because no step can process them",
    remedy="Run `integrahub dead list` and `dead show ID`, fix the cause, then run `dead replay ID`.",
)
ERRORS = Counter(
    name="integrahub_errors_total",
    unit="failures",
    labels=("step", "code"),
    initial_labels=[(step, "dependency_unavailable") for step in ("ingest", *CONSUMING_STEPS, "periodic")],
    meaning="Failures by step and cause: a problem code, an SQLSTATE or the class of the exception",
    remedy="`dependency_unavailable`: check /health. Other codes: read the log lines of that step.",
)


def count_completed(counters: ChunkCounters, kind: BatchKind) -> None:
    """Count one chunk whose transaction is committed, and its products by result unless they were rolled back."""
    CHUNKS_PROCESSED.add("completed")
    if kind is BatchKind.DRY_RUN:
        return
    for result in SETTLED:
        PRODUCTS_SETTLED.add(result, by=getattr(counters, result))
