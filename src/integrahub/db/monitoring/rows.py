"""Typed rows of workers, backlog, statistics and reconciliation."""

from datetime import datetime
from uuid import UUID

import msgspec


class Worker(msgspec.Struct, frozen=True):
    """A registered worker. `silent`: seconds since its last heartbeat. `holding`: number of its chunks."""

    name: str
    host: str
    pid: int
    steps: list[str]
    started_at: datetime
    left_at: datetime | None
    silent: float
    holding: int


class Predecessor(msgspec.Struct, frozen=True):
    """The worker that had a name before. `was_lost` if it never unregistered. Both None if the name is new."""

    id: UUID | None
    was_lost: bool | None


class StepWorkers(msgspec.Struct, frozen=True):
    """Live workers of a step, and how often a lost one was replaced."""

    step: str
    live: int
    restarts: int


class StepBacklog(msgspec.Struct, frozen=True):
    """Records of a pharmacy that wait for a step."""

    pharmacy_id: int
    step: str
    records: int


class StatisticsFigure(msgspec.Struct, frozen=True):
    """A stored value of a metric, counted `age` seconds ago."""

    name: str
    labels: tuple[str, ...]
    value: float
    age: float


class ProductCounts(msgspec.Struct, frozen=True):
    """Products of all catalogues."""

    active: int
    inactive: int


class PharmacyCounts(msgspec.Struct, frozen=True):
    """Pharmacies that posted within 24 hours, 7 days and 30 days, and those that are silent for unusually long."""

    day: int
    week: int
    month: int
    silent: int


class PendingCounts(msgspec.Struct, frozen=True):
    """Unsettled chunks, held deactivations and open dead letters."""

    chunks: int
    held: int
    letters: int


class WebhookCounts(msgspec.Struct, frozen=True):
    """Webhooks that are due, scheduled or held; seconds that the oldest due one has waited; endpoints by state."""

    due: int
    scheduled: int
    held: int
    oldest: float
    enabled: int
    failing: int
    disabled: int


class ConnectionCounts(msgspec.Struct, frozen=True):
    """Client connections of PostgreSQL: open ones, and how many may be open."""

    open: int
    limit: int


class HourTotals(msgspec.Struct, frozen=True):
    """Totals of all final batches at the end of a closed hour."""

    hour: datetime
    totals: dict[str, int | float]


class FinishedBatches(msgspec.Struct, frozen=True):
    """Batches that became final in one hour with one status, their durations in one bucket.

    `seconds` is the sum of the durations; the counters are sums over the batches. A `closed` hour gets no more batches.
    """

    hour: datetime
    status: str
    bucket: int
    batches: int
    seconds: float
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    deactivated: int
    closed: bool


class Unaccounted(msgspec.Struct, frozen=True):
    """A batch whose counts differ by `records`."""

    batch_id: UUID
    cnpj: str
    records: int
