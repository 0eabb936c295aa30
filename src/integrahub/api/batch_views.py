"""Answers made of the rows of batches and of their issues."""

import math
from typing import Any
from uuid import UUID

import msgspec

from integrahub.api.models.batches import BatchAnswer
from integrahub.db.batches.report_rows import IssueReport
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message
from integrahub.domain.views.batch import BatchReport, view_batch
from integrahub.domain.views.estimate import Estimate
from integrahub.domain.views.json_pointer import format_pointer

MIN_POLL_SECONDS, MAX_POLL_SECONDS = 1, 60


def to_batch_answer(report: BatchReport, language: Language, estimate: Estimate | None = None) -> BatchAnswer:
    """Return a batch as clients read it, with messages in their language."""
    return BatchAnswer.model_validate(view_batch(report, language, estimate))


def find_poll_interval(report: BatchReport, estimate: Estimate | None) -> int | None:
    """Return after how many seconds a client should read an unfinished batch again; None for a final one.

    That is when the batch should be final; without an estimate, a tenth of its age.
    """
    if report.finished_at:
        return None
    seconds = (estimate.at - report.now if estimate else (report.now - report.received_at) / 10).total_seconds()
    return max(MIN_POLL_SECONDS, min(MAX_POLL_SECONDS, math.ceil(seconds)))


def to_issue(issue: IssueReport, batch_id: UUID) -> dict[str, Any]:
    """Return an issue with its message in both languages and the trace of its batch, as `IssueAnswer` describes it.

    Reports are long and are encoded in bulk, so this is not validated as a model.
    """
    message = record_message(issue.code)
    columns = msgspec.structs.asdict(issue)
    key, ean = columns.pop("key"), columns.pop("ean")
    texts = {"message_pt": message.pt, "message_en": message.en, "trace_id": batch_id.hex}
    pointer = format_pointer(issue.position, key) if key else format_pointer(issue.position)
    return columns | texts | {"pointer": pointer, "ean": ean}
