"""Typed rows of the console's pages of batches."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.batches.report_rows import IssueReport
from integrahub.domain.batches import BatchKind, BatchStatus, ChunkStatus, DeactivationState, LoadType


class ListedBatch(msgspec.Struct, frozen=True):
    """A line of the list of batches, besides what clients see of the batch; `sort_key` is what it is sorted by."""

    id: UUID
    received_at: datetime
    name: str
    time_zone: str
    key_hint: str | None
    sort_key: float


class StatusCount(msgspec.Struct, frozen=True):
    """How many batches are in a state, and how many of them wait for a decision."""

    status: BatchStatus
    count: int
    held: int


class BatchFacts(msgspec.Struct, frozen=True):
    """What the page of a batch shows besides the batch as clients see it. `open_letters` are its open dead letters."""

    id: UUID
    pharmacy_id: int
    received_seq: int
    name: str
    time_zone: str
    key_hint: str | None
    media_type: str
    encoding: str
    item_count_claimed: int | None
    unreadable_ids: int
    sha256: bytes
    first_byte_at: datetime | None
    split_at: datetime | None
    idempotency_key: str | None
    full_from_seq: int | None
    location: str | None
    has_inline_body: bool
    body_removed_at: datetime | None
    chunks_removed_at: datetime | None
    upsert_at: datetime | None
    applied_at: datetime | None
    open_letters: int

    @property
    def has_body(self) -> bool:
        """Return whether the body should still be stored."""
        return self.body_removed_at is None and (self.has_inline_body or self.location is not None)


class BodyPlace(msgspec.Struct, frozen=True):
    """Where the body of a batch is: an object at `location`, or `content` from the row."""

    location: str | None
    content: bytes | None
    media_type: str
    encoding: str


class RelatedBatch(msgspec.Struct, frozen=True):
    """A neighbour of a batch in its pharmacy's order, or an operation on it."""

    id: UUID
    received_at: datetime
    received_seq: int
    kind: BatchKind
    load_type: LoadType
    status: BatchStatus
    deactivation_state: DeactivationState


class Attempt(msgspec.Struct, frozen=True):
    """A failed attempt to apply a chunk."""

    at: datetime | None = None
    error: str = ""
    culprit: str = ""


class ChunkLine(msgspec.Struct, frozen=True):
    """A chunk of a batch. `letter_id` is its dead letter, if it failed for good."""

    number: int
    status: ChunkStatus
    records: int
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    attempts: int
    crashes: int
    last_error: str | None
    attempt_log: list[Attempt]
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    letter_id: int | None


class IssueCount(msgspec.Struct, frozen=True):
    """How many issues of a batch have a code and a field."""

    severity: str
    code: str
    field: str
    count: int


class IssueLine(IssueReport, frozen=True):
    """A rejection or warning of one record, and the chunk that holds the record."""

    chunk: int


class HeldBatch(msgspec.Struct, frozen=True):
    """A line of the list of decisions. `is_pending`: an operator approved it, and the approval waits for its turn."""

    id: UUID
    cnpj: str
    name: str
    time_zone: str
    received_at: datetime
    items_total: int | None
    candidates: int
    active: int | None
    is_pending: bool


class Decision(msgspec.Struct, frozen=True):
    """The held deactivation of a FULL, or what became of it. `first` is the number of the first load that counts."""

    batch_id: UUID
    pharmacy_id: int
    received_seq: int
    received_at: datetime
    media_type: str
    item_count_claimed: int | None
    unreadable_ids: int
    first: int
    deactivation_limit: float | None
    rows_removed_at: datetime | None
    is_held: bool
    pending_id: UUID | None


class AbsentCounts(msgspec.Struct, frozen=True):
    """Products that an approval would deactivate now, of the pharmacy's active ones.

    `in_stock` have stock; `recent` were changed in the week before the FULL.
    """

    active: int
    absent: int
    in_stock: int
    recent: int


class AbsentCategory(msgspec.Struct, frozen=True):
    """A category of which the FULL has no product."""

    category: str
    count: int


class FormerFull(msgspec.Struct, frozen=True):
    """The size of a FULL of the pharmacy."""

    id: UUID
    received_at: datetime
    items_total: int


class AbsentLine(msgspec.Struct, frozen=True):
    """A product that an approval would deactivate, with the batch that last changed it."""

    product_id: int
    title: str
    ean: str
    price: float | None
    stock: float | None
    updated_at: datetime
    batch_id: UUID
    batch_type: LoadType | None
    sort_key: float


class DecisionEntry(msgspec.Struct, frozen=True):
    """Who decided on a deactivation, and when."""

    actor: str
    action: str
    at: datetime
    before: Any = None
