"""Typed rows of the overview: what waits for a person, what runs, and how the hub is."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchKind, BatchStatus, LoadType, Stage

MAX_COUNTED_AREAS = 99  #: Of the navigation's counts.
MAX_COUNTED = 1000  #: Counts stop here: a higher count is MAX_COUNTED + 1, shown as "more than".


class HeldDecision(msgspec.Struct, frozen=True):
    """A FULL whose deactivation waits for an operator. `limit` is that of the pharmacy, None: that of the hub."""

    batch_id: UUID
    cnpj: str
    name: str
    received_at: datetime
    held_at: datetime
    candidates: int
    active: int | None
    reason: str | None
    limit: float | None


class OpenCause(msgspec.Struct, frozen=True):
    """Open dead letters of one cause. `open` and `pharmacies` are counted up to MAX_COUNTED letters."""

    fingerprint: str
    error_class: str
    error_code: str
    culprit: str
    message: str
    open: int
    pharmacies: int
    first_at: datetime
    last_at: datetime


class FailedLoad(msgspec.Struct, frozen=True):
    """The newest final load of a pharmacy, which failed as a whole: its catalogue stands as it was."""

    batch_id: UUID
    cnpj: str
    name: str
    load_type: LoadType
    received_at: datetime
    finished_at: datetime


class SilentPharmacy(msgspec.Struct, frozen=True):
    """A pharmacy that has not posted for unusually long, with the posts that were refused since its last load."""

    cnpj: str
    name: str
    last_at: datetime
    usual_gap: timedelta | None
    longest_gap: timedelta
    refused: int
    refusal_code: str | None


class SuspendedWebhook(msgspec.Struct, frozen=True):
    """A webhook endpoint that is disabled, with the events that it holds, counted up to MAX_COUNTED."""

    endpoint_id: UUID
    owner: str
    cnpj: str | None
    name: str | None
    host: str
    disabled_at: datetime
    reason: str | None
    held: int


class ExpiringKey(msgspec.Struct, frozen=True):
    """A key that expires soon and that no other key replaces. `cnpj` is None if it is for several pharmacies."""

    id: UUID
    hint: str
    cnpj: str | None
    name: str | None
    expires_at: datetime
    last_used_at: datetime | None


class RunningBatch(msgspec.Struct, frozen=True):
    """A batch that is being processed."""

    batch_id: UUID
    cnpj: str
    name: str
    kind: BatchKind
    load_type: LoadType
    status: BatchStatus
    stage: Stage
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    bytes: int
    items_total: int | None
    chunks_total: int | None
    chunks_left: int | None

    @property
    def items_done(self) -> int | None:
        """Return about how many records have a result, to the chunk; None before the split."""
        if self.items_total is None or not self.chunks_total or self.chunks_left is None:
            return None
        return self.items_total - self.items_total * self.chunks_left // self.chunks_total

    def rate(self, now: datetime) -> float | None:
        """Return how many records a second got a result since the batch began; None before the first of them."""
        seconds = (now - self.started_at).total_seconds() if self.started_at else 0.0
        return self.items_done / seconds if self.items_done and seconds > 0 else None


class LastProblem(msgspec.Struct, frozen=True):
    """The latest problem that is resolved: a dead letter, a failed load, or a decision. `subject` is its id."""

    kind: Literal["letter", "load", "decision"]
    subject: str
    began_at: datetime
    ended_at: datetime

    @property
    def length(self) -> timedelta:
        """Return how long it lasted."""
        return self.ended_at - self.began_at


class Waiting(msgspec.Struct, frozen=True):
    """What waits for a person: held deactivations, and causes of failure. Each is counted up to MAX_COUNTED_AREAS."""

    decisions: int
    failures: int


class HubState(msgspec.Struct, frozen=True):
    """Figures of the hub as last counted, and times that show whether it works.

    `counted_at` is when a worker last counted; `products_lately` are the records that got a result in the five minutes
    before. `oldest_at` is when the oldest batch that is not final was received. `processing` and `waiting` count
    batches, up to MAX_COUNTED. Values are None where nothing was counted yet.
    """

    now: datetime
    is_new: bool
    unaccounted: int | None
    reconciled_at: datetime | None
    storage_used: float | None
    storage_capacity: float | None
    webhooks_pending: float | None
    products_active: float | None
    counted_at: datetime | None
    backlog: int | None
    workers: int | None
    apis: int | None
    products_lately: int
    oldest_at: datetime | None
    processing: int
    waiting: int
    products_counted_at: datetime | None = None
