"""Typed rows of batches as clients and the log see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage


class BatchReport(msgspec.Struct, frozen=True):
    """A batch as clients see it. The counters of an unfinished batch are those of its settled chunks."""

    batch_id: UUID
    cnpj: str
    kind: BatchKind
    parent_id: UUID | None
    load_type: LoadType
    status: BatchStatus
    stage: Stage
    received_seq: int
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    bytes: int
    items_total: int | None
    chunks_total: int | None
    chunks_done: int | None
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    dead: int
    superseded: int
    cancelled: int
    deactivated: int
    reactivated: int
    warnings: int
    deactivation_state: DeactivationState
    deactivation_candidates: int
    deactivation_active: int | None
    deactivation_reason: str | None
    deactivation_facts: dict[str, Any] | None
    error_code: str | None
    error_facts: dict[str, Any] | None
    error_offset: int | None
    rows_removed_at: datetime | None
    report_removed_at: datetime | None
    seconds: float | None
    queue_position: int | None
    now: datetime


class IssueReport(msgspec.Struct, frozen=True):
    """A rejection or a warning of one record, as clients see it."""

    position: int
    byte_offset: int
    severity: str
    product_id: str
    field: str
    code: str
    value: str


class FinalBatch(msgspec.Struct, frozen=True):
    """What the log says of a final batch. The deactivation of an operation is that of its parent batch."""

    id: UUID
    cnpj: str
    kind: BatchKind
    parent_id: UUID | None
    load_type: LoadType
    status: BatchStatus
    error_code: str | None
    items: int | None
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    dead: int
    cancelled: int
    deactivated: int
    deactivation: DeactivationState
    candidates: int
    active: int | None
    reason: str | None
    seconds: float
