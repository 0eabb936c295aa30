"""The Grafana dashboards: panels with their queries, and the values from which their colours warn.

Queries sum the counters of processes and take the maximum of figures from the database, which are the same in every
process.
"""

from dataclasses import dataclass, replace

from deploy.grafana import portuguese

_POST = 'method="POST", route="/v1/inovafarma/products"'
Steps = tuple[tuple[float | None, str], ...]


def _bad_from(value: float, colour: str = "red") -> Steps:
    return (None, "green"), (value, colour)


def _good_from(value: float) -> Steps:
    return (None, "red"), (value, "green")


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: `queries` maps legend to expression, `kind` is Grafana's panel type, `width` is of 24 columns.

    `steps` are colours from a value on; the first one holds below the second value. Without a `description` the panel
    has that of its metrics.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    steps: Steps = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; `uid` is also the name of its file."""

    uid: str
    title: str
    span: str
    panels: tuple[Panel, ...]


def _quantile(share: float, name: str, more: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({name}_bucket{more}[5m])))"


def _latencies() -> dict[str, str]:
    name = "integrahub_http_request_duration_seconds"
    return {f"P{int(share * 100)}": _quantile(share, name, f"{{{_POST}}}") for share in (0.5, 0.95, 0.99)}


API = Dashboard(
    "integrahub-api",
    "IntegraHub: API",
    "now-1h",
    (
        Panel("Requests a second", {"{{status}}": "sum by (status) (integrahub:http_requests:rate5m)"}, "reqps"),
        Panel("Latency of posts", _latencies(), "s", steps=_bad_from(0.5)),
        Panel("Error rate (5xx)", {"5xx": "integrahub:http_errors:ratio5m"}, "percentunit", steps=_bad_from(0.001)),
        Panel(
            "Mean payload",
            {"mean": "sum(rate(integrahub_upload_bytes_sum[5m])) / sum(rate(integrahub_upload_bytes_count[5m]))"},
            "bytes",
        ),
        Panel("Latest payload", {"latest": "max(integrahub_upload_last_bytes)"}, "bytes", "stat", 4),
        Panel("Time until durable, P95", {"P95": _quantile(0.95, "integrahub_upload_duration_seconds")}, "s", width=6),
        Panel(
            "Batches a second",
            {"{{load_type}}": "sum by (load_type) (rate(integrahub_batches_created_total[5m]))"},
            width=6,
        ),
        Panel(
            "Requests by route",
            {"{{method}} {{route}}": "sum by (method, route) (integrahub:http_requests:rate5m)"},
            "reqps",
            width=12,
        ),
        Panel(
            "Burn rate of the error budget (1 h)",
            {
                "availability": "integrahub:slo_api_errors:ratio_rate1h / 0.001",
                "latency": "integrahub:slo_posts_slow:ratio_rate1h / 0.05",
                "time to applied": "integrahub:slo_batches_late:ratio_rate1h / 0.01",
                "batch success": "integrahub:slo_batches_failed:ratio_rate1h / 0.005",
            },
            width=12,
            steps=((None, "green"), (1, "orange"), (14.4, "red")),
        ),
    ),
)
WORKERS = Dashboard(
    "integrahub-workers",
    "IntegraHub: workers",
    "now-1h",
    (
        Panel("Workers active", {"{{step}}": "max by (step) (integrahub_workers_active)"}),
        Panel(
            "Upsert workers and their maximum",
            {
                "active": 'max(integrahub_workers_active{step="upsert"})',
                "maximum": 'max(integrahub_workers_max{step="upsert"})',
            },
        ),
        Panel("Lag", {"{{topic}}": "max by (topic) (integrahub_lag)"}, steps=_bad_from(10_000, "orange")),
        Panel("Products a second", {"{{result}}": "integrahub:products:rate5m"}, "ops"),
        Panel("Chunks pending", {"pending": "max(integrahub_chunks_pending)"}),
        Panel("Chunks processed a second", {"{{result}}": "integrahub:chunks:rate5m"}, "ops"),
        Panel("Records waiting", {"{{step}}": "max by (step) (integrahub_backlog_records)"}),
        Panel("Time of a chunk, P95", {"P95": _quantile(0.95, "integrahub_chunk_duration_seconds")}, "s"),
        Panel("Failures a second", {"{{step}}": "sum by (step) (rate(integrahub_errors_total[5m]))"}, "ops"),
        Panel(
            "Restarts in an hour",
            {"{{step}}": "max by (step) (increase(integrahub_worker_restarts_total[1h]))"},
            steps=_bad_from(3),
        ),
        Panel(
            "Breakers (2: open)",
            {"{{dependency}}": "max by (dependency) (integrahub_breaker_state)"},
            steps=((None, "green"), (1, "orange"), (2, "red")),
        ),
        Panel(
            "PostgreSQL connections",
            {
                "in use": "max(integrahub_postgresql_connections)",
                "maximum": "max(integrahub_postgresql_connections_max)",
            },
        ),
        Panel(
            "Storage",
            {"used": "max(integrahub_storage_used_bytes)", "capacity": "max(integrahub_storage_capacity_bytes)"},
            "bytes",
        ),
        Panel(
            "Unaccounted records",
            {"records": "max(integrahub_unaccounted_records)"},
            kind="stat",
            width=4,
            steps=_bad_from(1),
        ),
        Panel(
            "Dead letters",
            {"dead letters": "max(integrahub_dead_letters)"},
            kind="stat",
            width=4,
            steps=_bad_from(1, "orange"),
        ),
        Panel("Age of statistics", {"age": "max(integrahub_statistics_age_seconds)"}, "s", "stat"),
    ),
)


def _ingested(window: str) -> str:
    results = 'result=~"inserted|updated|unchanged|merged"'
    return f'sum(max by (result) (integrahub_history_products{{window="{window}", {results}}}))'


def _share_new() -> dict[str, str]:
    def history(results: str) -> str:
        return f'sum(max by (result) (integrahub_history_products{{window="24h", result=~"{results}"}}))'

    whole = history("inserted|updated|unchanged")
    return {
        label: f"{history(result)} / {whole}"
        for label, result in (("new", "inserted"), ("updated", "updated"), ("unchanged", "unchanged"))
    }


def _success() -> str:
    good = 'sum(max by (status) (integrahub_history_batches{window="24h", status=~"COMPLETED|PARTIAL_FAIL"}))'
    return f'{good} / sum(max by (status) (integrahub_history_batches{{window="24h", status!="CANCELLED"}}))'


_WINDOWS = ("24h", "7d", "30d")
_FAILED_ATTEMPTS = 'sum by (error) (rate(integrahub_webhook_attempts_total{error!="none"}[5m]))'
_ENDPOINTS = "max by (state) (integrahub_webhook_endpoints)"
_ATTEMPT_P95 = "histogram_quantile(0.95, sum by (le) (rate(integrahub_webhook_attempt_duration_seconds_bucket[5m])))"
BUSINESS = Dashboard(
    "integrahub-business",
    "IntegraHub: business",
    "now-24h",
    (
        Panel("Batches of 24 h by status", {"{{status}}": "integrahub:batches:24h"}, kind="bargauge"),
        Panel("Pharmacies that posted", {"{{window}}": "max by (window) (integrahub_pharmacies_seen)"}, kind="stat"),
        Panel("Products ingested", {window: _ingested(window) for window in _WINDOWS}, kind="stat"),
        Panel("New, updated, unchanged (24 h)", _share_new(), "percentunit", "bargauge"),
        Panel("Success of batches (24 h)", {"success": _success()}, "percentunit", "stat", 4, steps=_good_from(0.995)),
        Panel(
            "Success of retries (1 h)",
            {
                "success": (
                    'sum(increase(integrahub_chunk_retries_total{outcome="succeeded"}[1h])) / '
                    'sum(increase(integrahub_chunk_retries_total{outcome=~"succeeded|exhausted"}[1h]))'
                )
            },
            "percentunit",
            "stat",
            4,
            steps=_good_from(0.95),
        ),
        Panel("Mean time of a batch", {"mean": "integrahub:batch_duration:mean5m"}, "s", steps=_bad_from(300)),
        Panel("Active and inactive products", {"{{state}}": "max by (state) (integrahub_products)"}, kind="stat"),
        Panel("Batches a minute by status", {"{{status}}": "60 * integrahub:batches_finished:rate5m"}),
        Panel(
            "Products by result (30 d)",
            {"{{result}}": 'max by (result) (integrahub_history_products{window="30d"})'},
            kind="bargauge",
        ),
        Panel(
            "Deactivations that wait for a decision",
            {"held": "max(integrahub_deactivations_held)"},
            kind="stat",
            width=4,
            steps=_bad_from(1, "orange"),
        ),
        Panel(
            "Silent pharmacies",
            {"silent": "max(integrahub_pharmacies_silent)"},
            kind="stat",
            width=4,
            steps=_bad_from(1, "orange"),
        ),
        Panel("Webhooks a second", {"{{result}}": "sum by (result) (rate(integrahub_webhook_deliveries_total[5m]))"}),
        Panel("Failed attempts a second", {"{{error}}": _FAILED_ATTEMPTS}),
        Panel("Webhooks that wait", {"{{state}}": "max by (state) (integrahub_webhooks_pending)"}),
        Panel(
            "Longest wait of a due webhook",
            {"oldest": "max(integrahub_webhook_oldest_due_seconds)"},
            "s",
            steps=_bad_from(60, "orange"),
        ),
        Panel("Duration of attempts (P95)", {"P95": _ATTEMPT_P95}, "s"),
        Panel(
            "Webhook endpoints", {"{{state}}": "max by (state) (integrahub_webhook_endpoints)"}, kind="stat", width=4
        ),
        Panel(
            "Batches of 30 d by status",
            {"{{status}}": 'max by (status) (integrahub_history_batches{window="30d"})'},
            kind="bargauge",
        ),
    ),
)


def _translated(panel: Panel) -> Panel:
    title, description = portuguese.PANELS[panel.title]
    return replace(panel, title=title, description=description)


NEGOCIO = Dashboard(
    "integrahub-negocio", portuguese.TITLE, BUSINESS.span, tuple(_translated(panel) for panel in BUSINESS.panels)
)
ALL = (API, WORKERS, BUSINESS, NEGOCIO)
