"""Metrics of HTTP requests, uploads, connections and rate limits, counted by each API and console process."""

from integrahub.telemetry.instruments import Counter, Gauge, Histogram

POST_ROUTE = "/v1/inovafarma/products"
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_BODY_BYTES = (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6, 256e6)

HTTP_REQUESTS = Counter(
    name="integrahub_http_requests_total",
    unit="requests",
    labels=("method", "route", "status"),
    initial_labels=[("POST", POST_ROUTE, "202"), ("POST", POST_ROUTE, "503")],
    meaning="HTTP requests answered, by route template; requests without a route are `unmatched`",
    remedy="Many 5xx: check /health. Many 4xx: read the `code` of the answers, then contact the client's vendor.",
)
HTTP_DURATION = Histogram(
    name="integrahub_http_request_duration_seconds",
    unit="seconds",
    labels=("method", "route"),
    initial_labels=[("POST", POST_ROUTE)],
    bounds=REQUEST_SECONDS,
    meaning="Time from the request's head to the end of its answer, including the client's upload",
    remedy="Slow with idle CPU: check PostgreSQL and storage in /health. Slow with busy CPU: add API processes.",
)
UPLOAD_DURATION = Histogram(
    name="integrahub_upload_duration_seconds",
    unit="seconds",
    initial_labels=[()],
    bounds=REQUEST_SECONDS,
    meaning="Time of accepted posts from the request's head until body and batch are durable",
    remedy="Proceed as for HTTP request duration; large bodies also take as long as the client's network needs.",
)
UPLOAD_BYTES = Histogram(
    name="integrahub_upload_bytes",
    unit="bytes",
    initial_labels=[()],
    bounds=_BODY_BYTES,
    meaning="Decoded size of accepted bodies",
    remedy="Bodies near MAX_PAYLOAD_SIZE: raise it, or ask the client to send several DELTAs.",
)
UPLOAD_LAST_BYTES = Gauge(
    name="integrahub_upload_last_bytes",
    unit="bytes",
    initial_labels=[()],
    meaning="Decoded size of the latest accepted body",
    remedy="Needs no action; a changing value shows that posts arrive.",
)
CONNECTIONS_OPEN = Gauge(
    name="integrahub_http_connections",
    unit="connections",
    initial_labels=[()],
    meaning="Open connections of an API process",
    remedy="Near MAX_CONNECTIONS: find the addresses that hold them, for example with `ss`.",
)
CONNECTIONS_CLOSED = Counter(
    name="integrahub_http_connections_closed_total",
    unit="connections",
    labels=("reason",),
    initial_labels=[
        *(("idle_total",), ("idle_address",), ("refused_total",), ("refused_address",), ("slow_head",)),
        *(("large_head",), ("pipelined",), ("slow_reader",), ("stalled",)),
        *(("handshake_total",), ("handshake_address",), ("slow_handshake",), ("strangers",)),
    ],
    meaning="Connections that an API process closed or refused to protect itself, by reason",
    remedy="`idle_*`, `refused_*`: raise MAX_CONNECTIONS or block the address. Others: look for slow clients.",
)
LIMITER_FAILURES = Counter(
    name="integrahub_rate_limiter_failures_total",
    unit="requests",
    initial_labels=[()],
    meaning="Requests allowed without being counted because the rate limiter did not answer",
    remedy="Check PostgreSQL in /health; limits are not enforced until it answers.",
)
