"""Answers made of the rows of batches and of their issues."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from integrahub.api.models.batches import BatchAnswer, BatchErrorAnswer, DeactivationAnswer
from integrahub.db.batches.report_rows import BatchReport, IssueReport
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message, render_message

_SAME_COLUMNS = tuple(name for name in BatchAnswer.model_fields if name in BatchReport.__struct_fields__)


def to_batch_answer(report: BatchReport, language: Language) -> BatchAnswer:
    """Return a batch as clients read it, with messages in their language."""
    processed = report.inserted + report.updated + report.unchanged + report.merged + report.superseded
    failed = report.rejected + report.dead + report.cancelled
    rate = processed / report.seconds if report.seconds else None
    return BatchAnswer.model_validate(
        {
            **{name: getattr(report, name) for name in _SAME_COLUMNS},
            "trace_id": report.batch_id.hex,
            "items_processed": processed,
            "items_failed": failed,
            "deactivation": _to_deactivation(report, language),
            "progress": _progress(report, processed + failed),
            "rate": None if rate is None else round(rate, 1),
            "estimated_completion_at": _estimate_completion(report, processed + failed, rate),
            "error": _to_error(report, language),
        }
    )


def to_issue(issue: IssueReport, batch_id: UUID) -> dict[str, Any]:
    """Return an issue with its message in both languages and the trace of its batch, as `IssueAnswer` describes it.

    Reports are long and are encoded in bulk, so this is not validated as a model.
    """
    message = record_message(issue.code)
    texts = {"message_pt": message.pt, "message_en": message.en, "trace_id": batch_id.hex}
    return msgspec.structs.asdict(issue) | texts


def _progress(report: BatchReport, final_records: int) -> float:
    if report.finished_at:
        return 1.0
    return min(1.0, round(final_records / report.items_total, 4)) if report.items_total else 0.0


def _estimate_completion(report: BatchReport, final_records: int, rate: float | None) -> datetime | None:
    if report.finished_at or not rate or not report.items_total:
        return None
    return report.now + timedelta(seconds=(report.items_total - final_records) / rate)


def _to_error(report: BatchReport, language: Language) -> BatchErrorAnswer | None:
    if not report.error_code:
        return None
    message = render_message(report.error_code, report.error_facts or {})
    return BatchErrorAnswer(
        code=report.error_code,
        message=message.in_language(language),
        message_pt=message.pt,
        message_en=message.en,
        byte_offset=report.error_offset,
    )


def _to_deactivation(report: BatchReport, language: Language) -> DeactivationAnswer:
    reason = None
    if report.deactivation_reason:
        reason = render_message(report.deactivation_reason, report.deactivation_facts or {})
    return DeactivationAnswer(
        state=report.deactivation_state,
        candidates=report.deactivation_candidates,
        active=report.deactivation_active,
        reason=reason.in_language(language) if reason else None,
        reason_pt=reason.pt if reason else None,
        reason_en=reason.en if reason else None,
        reason_code=report.deactivation_reason if reason else None,
    )
