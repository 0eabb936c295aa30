"""Answers of the routes of dead letters and replays."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from integrahub.api.models.base import Answer, Timestamp
from integrahub.domain.batches import BatchStatus
from integrahub.domain.replays import BulkState


class DeadLetterError(Answer):
    """The error that made a chunk or message a dead letter. `stack` is present when one letter is read."""

    model_config = ConfigDict(from_attributes=True, frozen=True, validate_by_name=True)

    error_class: str = Field(alias="class")
    code: str
    culprit: str
    message: str
    stack: str = ""


class DeadLetterAnswer(Answer):
    """A chunk or message that no worker retries. `body` is present when one letter is read: that of the message."""

    id: int
    batch_id: UUID | None
    chunk: int | None
    cnpj: str | None
    topic: str | None
    trace_id: str | None
    body: str | None = None
    location: str | None
    records: int
    attempts: list[dict[str, Any]]
    fingerprint: str
    created_at: Timestamp
    replay_asked_at: Timestamp | None
    settled_at: Timestamp | None
    replayed_by: UUID | None
    bulk_operation_id: UUID | None
    replay_refusal: str | None
    error: DeadLetterError


class DeadLetterPage(Answer):
    """Dead letters, newest first. `next_cursor` is null on the last page."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None


class FailureGroupAnswer(Answer):
    """Failures of one fingerprint. `sample` is the id of the latest dead letter."""

    fingerprint: str
    error_class: str
    error_code: str
    culprit: str
    count: int
    first_seen: Timestamp
    last_seen: Timestamp
    sample: int


class FailureGroupList(Answer):
    """Failures by fingerprint, latest first."""

    items: list[FailureGroupAnswer]


class QueuedReplayAnswer(Answer):
    """A batch that applies another one, its parent, again."""

    batch_id: UUID
    parent_id: UUID
    received_seq: int
    status: BatchStatus
    received_at: Timestamp


class RefusedReplayAnswer(Answer):
    """A batch whose chunks cannot be replayed, with the reason."""

    batch_id: UUID
    code: str
    message_pt: str
    message_en: str
    message: str


class BulkOperationAnswer(Answer):
    """A replay of many dead letters: `replayed` of `letters`; `refusals` counts those that cannot be, by code."""

    id: UUID
    state: BulkState
    actor: str
    filters: dict[str, Any]
    letters: int
    replayed: int
    refusals: dict[str, int]
    created_at: Timestamp
    ended_at: Timestamp | None
    stopped_by: str | None


class BulkProgressAnswer(BulkOperationAnswer):
    """A replay with the outcome of its letters: chunks that workers still apply, and those that failed again."""

    applying: int
    failed_again: int


class BulkOperationPage(Answer):
    """Replays of many dead letters, newest first. `next_cursor` is null on the last page."""

    items: list[BulkOperationAnswer]
    next_cursor: str | None


class StoppedReplay(Answer):
    """A stopped replay. `released` dead letters that it did not replay stay open."""

    operation_id: UUID
    released: int


class ReplayAnswer(Answer):
    """`asked` dead letters will be replayed; `refused` names batches whose letters cannot be.

    `operation_id` names the operation that replays them; null if there is nothing to replay.
    """

    operation_id: UUID | None
    asked: int
    refused: list[RefusedReplayAnswer]
