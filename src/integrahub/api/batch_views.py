"""Answers made of the rows of batches."""

import math

from integrahub.api.models.batches import BatchAnswer
from integrahub.domain.languages import Language
from integrahub.domain.views.batch import BatchReport, view_batch
from integrahub.domain.views.estimate import Estimate

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
