"""Answers made of the rows of batches and of their issues."""

from typing import Any
from uuid import UUID

import msgspec

from integrahub.api.models.batches import BatchAnswer
from integrahub.db.batches.report_rows import IssueReport
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message
from integrahub.domain.views.batch import BatchReport, view_batch
from integrahub.domain.views.json_pointer import format_pointer


def to_batch_answer(report: BatchReport, language: Language) -> BatchAnswer:
    """Return a batch as clients read it, with messages in their language."""
    return BatchAnswer.model_validate(view_batch(report, language))


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
