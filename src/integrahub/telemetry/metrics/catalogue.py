"""Metrics of products, of pharmacies, and of what batches did to them over time."""

from integrahub.telemetry.instruments import Counter, Gauge, MetricSource

PRODUCTS = Gauge(
    name="integrahub_products",
    unit="products",
    labels=("state",),
    source=MetricSource.HUB,
    meaning="Products of all catalogues, by state",
    remedy="`active` falls: run `integrahub batch list` to find the FULL that deactivated products.",
)
CHANGES_UNPARTITIONED = Gauge(
    name="integrahub_changes_unpartitioned",
    unit="changes",
    source=MetricSource.HUB,
    meaning="Changes of products for whose day no partition was made",
    remedy="Above 0: check that a worker runs the step `sweep`, which makes partitions, and that the clock is right.",
)
PHARMACIES_CREATED = Counter(
    name="integrahub_pharmacies_created_total",
    unit="pharmacies",
    initial_labels=[()],
    meaning="Pharmacies created by the first post for an unknown CNPJ",
    remedy="Many at once: check which key posts unknown CNPJs; set NEW_PHARMACY_LIMIT or AUTO_CREATE_PHARMACIES.",
)
PHARMACIES_SEEN = Gauge(
    name="integrahub_pharmacies_seen",
    unit="pharmacies",
    labels=("window",),
    source=MetricSource.HUB,
    meaning="Pharmacies that posted within the last 24 hours, 7 days and 30 days",
    remedy="Falling: run `integrahub pharmacy list --silent`.",
)
PHARMACIES_SILENT = Gauge(
    name="integrahub_pharmacies_silent",
    unit="pharmacies",
    source=MetricSource.HUB,
    meaning="Pharmacies silent for 1.5 times the longest gap between their last 50 posts",
    remedy="Run `integrahub pharmacy list --silent`; ask each pharmacy whether its ERP runs.",
)
HISTORY_PRODUCTS = Gauge(
    name="integrahub_history_products",
    unit="products",
    labels=("window", "result"),
    source=MetricSource.HUB,
    meaning="Products of batches finished within the last 24 hours, 7 days and 30 days, from the database",
    remedy="Needs no action; the values do not depend on how long Prometheus keeps its data.",
)
HISTORY_BATCHES = Gauge(
    name="integrahub_history_batches",
    unit="batches",
    labels=("window", "status"),
    source=MetricSource.HUB,
    meaning="Batches finished within the last 24 hours, 7 days and 30 days, from the database",
    remedy="Proceed as for finished batches.",
)
