"""Typed rows of `batch_chunks`, `dead_letters` and `failure_groups`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.arrays import BigintArray
from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.replays import KINDS


class NewChunk(msgspec.Struct, frozen=True):
    """A chunk to insert when the split of its batch ends.

    `positions` are those of the records in the body, if they are not consecutive from `first_position` on. `records`
    counts the records that this chunk applies. If `is_settled`, the table already holds all of them.
    """

    batch_id: UUID
    number: int
    location: str
    body_start: int | None
    body_bytes: int | None
    first_position: int | None
    positions: BigintArray | None
    records: int
    ids: BigintArray
    hashes: BigintArray
    rejection: str | None
    is_settled: bool
    unchanged: int
    merged: int


class ChunkPlace(msgspec.Struct, frozen=True):
    """Where the records of a chunk are, and how they are written.

    They are an object at `location`, or `body_bytes` bytes from `body_start` on of the batch's body, which is `body` if
    the batch's row holds it.
    """

    location: str
    body_start: int | None
    body_bytes: int | None
    first_position: int | None
    body: bytes | None
    media_type: str
    encoding: str


class ChunkClaim(ChunkPlace, frozen=True):
    """A chunk claimed by this worker, with what it needs of its batch and pharmacy.

    `fills_catalogue` is True if the pharmacy had no product before the turn of the batch. `seen_at` is the receipt of
    the batch that a replay applies again. `crashes` counts those of the chunk, `batch_crashes` those of its split.
    """

    batch_id: UUID
    number: int
    records: int
    rejection: str | None
    attempts: int
    crashes: int
    batch_crashes: int
    claim_token: UUID
    chunks_total: int
    pharmacy_id: int
    cnpj: str
    time_zone: str
    has_products: bool
    fills_catalogue: bool
    kind: BatchKind
    load_type: LoadType
    received_seq: int
    origin_seq: int | None
    seen_at: datetime | None

    @property
    def key(self) -> tuple[UUID, int]:
        """Return batch and number."""
        return self.batch_id, self.number

    @property
    def is_replay(self) -> bool:
        """Return whether the chunk belongs to a replay."""
        return self.kind in KINDS

    @property
    def may_share_transaction(self) -> bool:
        """Return whether the chunk may be applied together with others.

        Retried or crashed chunks run alone, so they cannot fail the whole group.
        """
        return not (self.attempts or self.crashes or self.rejection or self.is_replay)


class LockedChunk(msgspec.Struct, frozen=True):
    """A chunk whose row this transaction holds. `ids` and `hashes` are by slot, as `array_send` encodes them."""

    batch_id: UUID
    number: int
    ids: bytes
    hashes: bytes


class StoredChunk(ChunkPlace, frozen=True):
    """A chunk of an earlier batch. `body_location` names the object of the batch's body."""

    batch_id: UUID
    number: int
    body_location: str | None


class LaterWrite(msgspec.Struct, frozen=True):
    """A product that a chunk of a later batch applied. `seq` is the later batch's place in the pharmacy's order."""

    product_id: int
    batch_id: UUID
    number: int
    load_type: LoadType
    seq: int


class LaterAbsence(msgspec.Struct, frozen=True):
    """A product that a later FULL did not have. `seq` and `finished_at` are those of its deactivation."""

    product_id: int
    seq: int
    finished_at: datetime


class RejectedChunk(ChunkPlace, frozen=True):
    """Positions of the rejected records of a chunk."""

    number: int
    positions: list[int]


class ExpiredChunk(msgspec.Struct, frozen=True):
    """A chunk whose lease has expired, with the number of leases that expired so far."""

    batch_id: UUID
    number: int
    crashes: int
    kind: BatchKind


class BatchCount(msgspec.Struct, frozen=True):
    """Number of chunks of a batch that are not settled."""

    id: UUID
    chunks_left: int


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
    bulk_operation_id: UUID | None
    replay_refusal: str | None
    stack: str | msgspec.UnsetType = msgspec.UNSET
    body: str | msgspec.UnsetType | None = msgspec.UNSET


class DeadLetterFilters(msgspec.Struct, frozen=True):
    """Which dead letters to read; None matches all. `error` is an error class, an error code or a fingerprint."""

    cnpj: str | None = None
    batch_id: UUID | None = None
    error: str | None = None
    ids: list[int] | None = None
    since: datetime | None = None


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


class UncopiedLetter(ChunkPlace, frozen=True):
    """An open dead letter whose records are still in an object of its batch."""

    id: int
    cnpj: str
    batch_id: UUID
    number: int


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
