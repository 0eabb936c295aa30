"""Typed rows of `batch_chunks`, `dead_letters` and `failure_groups`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.arrays import BigintArray


class NewChunk(msgspec.Struct, frozen=True):
    """A chunk to insert when the split of its batch ends.

    `records` counts the records that this chunk applies. If `is_settled`, the table already holds all of them.
    """

    batch_id: UUID
    number: int
    location: str
    body_start: int | None
    body_bytes: int | None
    first_position: int | None
    records: int
    ids: BigintArray
    hashes: BigintArray
    rejection: str | None
    is_settled: bool
    unchanged: int
    merged: int


class DeadLetter(msgspec.Struct, frozen=True):
    """A chunk or a message that no worker retries. `batch_id` and `chunk` are None for a message, `topic` for a chunk.

    `stack` and `body` are read for a single letter only. Bytes of `body` that are not ASCII are escaped.
    """

    id: int
    batch_id: UUID | None
    chunk: int | None
    cnpj: str | None
    topic: str | None
    trace_id: str | None
    location: str | None
    records: int
    error_class: str
    error_code: str
    culprit: str
    message: str
    attempts: list[dict[str, Any]]
    fingerprint: str
    created_at: datetime
    replay_asked_at: datetime | None
    settled_at: datetime | None
    replayed_by: UUID | None
    stack: str | msgspec.UnsetType = msgspec.UNSET
    body: str | msgspec.UnsetType | None = msgspec.UNSET


class DeadLetterFilters(msgspec.Struct, frozen=True):
    """Which dead letters to read; None matches all. `error` is an error class, an error code or a fingerprint."""

    cnpj: str | None = None
    batch_id: UUID | None = None
    error: str | None = None
    ids: list[int] | None = None


class FailedChunk(msgspec.Struct, frozen=True):
    """What the dead letter of a chunk takes over from the chunk's row."""

    cnpj: str
    records: int
    attempt_log: list[dict[str, Any]]


class UnresolvedLetter(msgspec.Struct, frozen=True):
    """What a replay needs of a dead letter: the chunk and where its records are, or the message."""

    id: int
    batch_id: UUID | None
    chunk: int | None
    location: str | None
    topic: str | None
    body: bytes | None


class UngroupedLetter(msgspec.Struct, frozen=True):
    """A dead letter of a chunk that no failure group counts yet."""

    batch_id: UUID
    chunk: int
    message: str


class FailureGroup(msgspec.Struct, frozen=True):
    """Failures of one fingerprint. `sample` is the id of the latest dead letter."""

    fingerprint: str
    error_class: str
    error_code: str
    culprit: str
    count: int
    first_seen: datetime
    last_seen: datetime
    sample: int
