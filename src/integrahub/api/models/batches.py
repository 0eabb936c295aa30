"""Answers of the routes of batches."""

from typing import Literal
from uuid import UUID

from integrahub.api.models.base import Answer, Timestamp
from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage


class DeactivationAnswer(Answer):
    """The deactivation of products that a FULL does not contain. `active` is null if none was evaluated."""

    state: DeactivationState
    candidates: int
    active: int | None
    reason: str | None
    reason_pt: str | None
    reason_en: str | None
    reason_code: str | None


class BatchErrorAnswer(Answer):
    """Why a batch failed, wholly or in part. `byte_offset` is in the decoded body."""

    code: str
    message: str
    message_pt: str
    message_en: str
    byte_offset: int | None


class EstimateAnswer(Answer):
    """When a batch becomes final: most probably, at the earliest and at the latest."""

    at: Timestamp
    low: Timestamp
    high: Timestamp


class BatchAnswer(Answer):
    """A batch: its state, its counters of records, and its deactivation. `rate` is in products per second.

    `estimate` is null until the split has ended, and as long as nothing shows how fast the batch will be.
    `estimated_completion_at` is its `at`.
    """

    batch_id: UUID
    cnpj: str
    kind: BatchKind
    parent_id: UUID | None
    load_type: LoadType
    status: BatchStatus
    stage: Stage
    received_seq: int
    received_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    bytes: int
    items_total: int | None
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    cancelled: int
    dead: int
    deactivated: int
    warnings: int
    chunks_total: int | None
    chunks_done: int | None
    queue_position: int | None
    trace_id: str
    items_processed: int
    items_failed: int
    deactivation: DeactivationAnswer
    progress: float
    rate: float | None
    estimated_completion_at: Timestamp | None
    error: BatchErrorAnswer | None
    estimate: EstimateAnswer | None


class BatchPage(Answer):
    """Batches, newest first. `next_cursor` is null on the last page."""

    items: list[BatchAnswer]
    next_cursor: str | None


class IssueAnswer(Answer):
    """A rejection or warning of one record. `position` counts records from 0, `byte_offset` is in the decoded body.

    `pointer` (RFC 6901) leads to the value in the body, or to the record if it does not have the field. In NDJSON it
    counts records as if they were an array. `ean` is that of the record, else that of the product.
    """

    position: int
    byte_offset: int
    severity: Literal["rejected", "warning"]
    product_id: str
    field: str
    code: str
    value: str
    message_pt: str
    message_en: str
    trace_id: str
    pointer: str
    ean: str


class IssuePage(Answer):
    """Rejections and warnings in the order of the body. `next_cursor` is null on the last page."""

    items: list[IssueAnswer]
    next_cursor: str | None


class DecisionAnswer(Answer):
    """The decision on a held deactivation."""

    batch_id: UUID
    decision: Literal["approve", "reject"]


class CancelAnswer(Answer):
    """A cancelled batch, with the counters of what was applied before."""

    batch_id: UUID
    status: Literal[BatchStatus.CANCELLED]
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    reactivated: int
    warnings: int
    dead: int
    cancelled: int
