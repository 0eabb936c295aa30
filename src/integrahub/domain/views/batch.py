"""A batch as clients see it: in answers of the API, and in the bodies of webhooks."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.views.estimate import Estimate


class BatchColumns(msgspec.Struct, frozen=True):
    """Columns of a batch that clients read as they are stored."""

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


class BatchReport(BatchColumns, frozen=True):
    """A batch as clients see it. The counters of an unfinished batch are those of its settled chunks."""

    reactivated: int
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
    now: datetime


class DeactivationView(msgspec.Struct, frozen=True):
    """The deactivation of products that a FULL does not contain. `active` is None if none was evaluated."""

    state: DeactivationState
    candidates: int
    active: int | None
    reason: str | None
    reason_pt: str | None
    reason_en: str | None
    reason_code: str | None


class BatchErrorView(msgspec.Struct, frozen=True):
    """Why a batch failed, wholly or in part. `byte_offset` is in the decoded body."""

    code: str
    message: str
    message_pt: str
    message_en: str
    byte_offset: int | None


class BatchView(BatchColumns, frozen=True):
    """A batch with the figures and messages that are derived from its row. `rate` is in products per second."""

    trace_id: str
    items_processed: int
    items_failed: int
    deactivation: DeactivationView
    progress: float
    rate: float | None
    estimated_completion_at: datetime | None
    error: BatchErrorView | None
    estimate: Estimate | None


def view_batch(report: BatchReport, language: Language, estimate: Estimate | None = None) -> BatchView:
    """Return a batch as clients read it, with messages in their language."""
    processed = report.inserted + report.updated + report.unchanged + report.merged + report.superseded
    failed = report.rejected + report.dead + report.cancelled
    rate = processed / report.seconds if report.seconds else None
    return BatchView(
        **{name: getattr(report, name) for name in BatchColumns.__struct_fields__},
        trace_id=report.batch_id.hex,
        items_processed=processed,
        items_failed=failed,
        deactivation=_view_deactivation(report, language),
        progress=_progress(report, processed + failed),
        rate=None if rate is None else round(rate, 1),
        estimated_completion_at=estimate.at if estimate else None,
        error=_view_error(report, language),
        estimate=estimate,
    )


def _progress(report: BatchReport, final_records: int) -> float:
    if report.finished_at:
        return 1.0
    return min(1.0, round(final_records / report.items_total, 4)) if report.items_total else 0.0


def _view_error(report: BatchReport, language: Language) -> BatchErrorView | None:
    if not report.error_code:
        return None
    message = render_message(report.error_code, report.error_facts or {})
    return BatchErrorView(
        code=report.error_code,
        message=message.in_language(language),
        message_pt=message.pt,
        message_en=message.en,
        byte_offset=report.error_offset,
    )


def _view_deactivation(report: BatchReport, language: Language) -> DeactivationView:
    reason = None
    if report.deactivation_reason:
        reason = render_message(report.deactivation_reason, report.deactivation_facts or {})
    return DeactivationView(
        state=report.deactivation_state,
        candidates=report.deactivation_candidates,
        active=report.deactivation_active,
        reason=reason.in_language(language) if reason else None,
        reason_pt=reason.pt if reason else None,
        reason_en=reason.en if reason else None,
        reason_code=report.deactivation_reason if reason else None,
    )
