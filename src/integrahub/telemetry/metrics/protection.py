"""Metrics of what the hub refuses or closes to guard itself."""

from integrahub.telemetry.instruments import Counter, Gauge, Metric

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
    meaning="Connections that the hub closed or refused to guard itself: idle ones at a bound, slow or greedy clients",
    remedy="`idle_*` and `refused_*`: raise MAX_CONNECTIONS, or block who floods. Others: a slow or hostile client.",
)

PHARMACIES_CREATED = Counter(
    name="integrahub_pharmacies_created_total",
    unit="pharmacies",
    initial_labels=[()],
    meaning="Pharmacies made by the first post for a CNPJ that was not known",
    remedy="Many at once: a vendor's key posts CNPJs nobody expects. See NEW_PHARMACY_LIMIT, AUTO_CREATE_PHARMACIES.",
)

GUARDS: tuple[Metric, ...] = (CONNECTIONS_OPEN, CONNECTIONS_CLOSED, PHARMACIES_CREATED)
