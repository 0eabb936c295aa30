"""Metrics of webhooks: deliveries, attempts, and what waits."""

from integrahub.telemetry.instruments import Counter, Gauge, Histogram, MetricSource

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)

WEBHOOK_DELIVERIES = Counter(
    name="integrahub_webhook_deliveries_total",
    unit="deliveries",
    labels=("result",),
    initial_labels=[("delivered",), ("retried",), ("failed",), ("held",)],
    meaning="Webhook attempts by the state of the delivery afterwards: delivered, to be retried, failed, or held",
    remedy="`failed`: check the receiver's address and certificate, and the latest answer of the delivery.",
)
WEBHOOK_ATTEMPTS = Counter(
    name="integrahub_webhook_attempts_total",
    unit="attempts",
    labels=("error",),
    initial_labels=[("none",), ("timed_out",), ("status_refused",)],
    meaning="Attempts to send webhooks by error code; `none`: the receiver accepted",
    remedy="One code grows at all receivers: check DNS and the network policy of the `notify` role.",
)
WEBHOOK_ATTEMPT_DURATION = Histogram(
    name="integrahub_webhook_attempt_duration_seconds",
    unit="seconds",
    initial_labels=[()],
    bounds=_SECONDS,
    meaning="Duration of attempts to send webhooks, with resolution of the name and TLS",
    remedy="Near 15 s: receivers hang. They delay only their own host's webhooks.",
)
WEBHOOKS_PENDING = Gauge(
    name="integrahub_webhooks_pending",
    unit="deliveries",
    labels=("state",),
    source=MetricSource.HUB,
    meaning="Webhooks that are due now, scheduled for a later attempt, or held because their endpoint is disabled",
    remedy="`due` grows: check that a `notify` worker runs. `held`: ask the owners to enable their endpoints.",
)
WEBHOOK_OLDEST_DUE = Gauge(
    name="integrahub_webhook_oldest_due_seconds",
    unit="seconds",
    source=MetricSource.HUB,
    meaning="How long the webhook that is due longest has waited for a worker; 0: none waits",
    remedy="Above a minute: check that a `notify` worker runs and reaches PostgreSQL, or find the slow host.",
)
WEBHOOK_ENDPOINTS = Gauge(
    name="integrahub_webhook_endpoints",
    unit="endpoints",
    labels=("state",),
    source=MetricSource.HUB,
    meaning="Webhook endpoints that are enabled, enabled but failing since their last success, or disabled",
    remedy="`disabled` or `failing`: list the endpoints and ask their owners to repair the receiver.",
)


def count_attempt(error: str | None, milliseconds: int) -> None:
    """Count one attempt to send a webhook."""
    WEBHOOK_ATTEMPTS.add(error or "none")
    WEBHOOK_ATTEMPT_DURATION.observe(milliseconds / 1000)


def count_delivery(result: str) -> None:
    """Count the state of a delivery after an attempt."""
    WEBHOOK_DELIVERIES.add(result)
