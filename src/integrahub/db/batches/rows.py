"""Typed rows of `batches` and `full_uploads`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage
from integrahub.domain.deactivation import HoldReason
from integrahub.domain.products import ChunkCounters


class KnownSubmission(msgspec.Struct, frozen=True):
    """An earlier batch that a post may repeat. `received_at` is None for a batch of the same transaction."""

    id: UUID
    pharmacy_id: int
    kind: BatchKind
    load_type: LoadType
    sha256: bytes
    status: BatchStatus
    received_at: datetime | None
    idempotency_key: str | None = None


class ReceivedSeqs(msgspec.Struct, frozen=True):
    """The last number given to a pharmacy's posts, and when all posts of the transaction count as received."""

    pharmacy_id: int
    last_seq: int
    received_at: datetime


class Batch(msgspec.Struct, frozen=True):
    """A batch with its pharmacy's settings. `origin_seq` is the `received_seq` of the load that a replay repeats."""

    id: UUID
    pharmacy_id: int
    cnpj: str
    kind: BatchKind
    parent_id: UUID | None
    load_type: LoadType
    stage: Stage
    status: BatchStatus
    received_seq: int
    origin_seq: int | None
    full_from_seq: int | None
    received_at: datetime
    finished_at: datetime | None
    has_body: bool
    location: str | None
    media_type: str
    items_total: int | None
    item_count_claimed: int | None
    unreadable_ids: int
    deactivation_state: DeactivationState
    deactivation_limit: Decimal | None
    full_window_minutes: int | None


class FullPart(msgspec.Struct, frozen=True):
    """One upload of a FULL that came in parts."""

    id: UUID
    received_seq: int
    received_at: datetime
    status: BatchStatus
    media_type: str
    items_total: int | None
    item_count_claimed: int | None
    unreadable_ids: int


class ClosedWindow(msgspec.Struct, frozen=True):
    """The last part of a FULL whose window has closed."""

    id: UUID
    pharmacy_id: int


class LoadCounts(msgspec.Struct, frozen=True):
    """How many products a load made active."""

    id: UUID
    inserted: int
    reactivated: int


class CandidateCounts(msgspec.Struct, frozen=True):
    """The pharmacy's active products, and how many of them a FULL does not have."""

    active: int
    candidates: int


class SplitClaim(msgspec.Struct, frozen=True):
    """A batch claimed by this worker for its split. The body is in the row or at `location`."""

    id: UUID
    pharmacy_id: int
    cnpj: str
    time_zone: str
    kind: BatchKind
    load_type: LoadType
    media_type: str
    encoding: str
    body: bytes | None
    location: str | None
    attempts: int
    crashes: int
    claim_token: UUID
    has_products: bool
    has_turn: bool


class SmallBatchClaim(msgspec.Struct, frozen=True):
    """A small batch claimed by this worker for the fast path. The body is in the row or at `location`.

    `size` is that of the decoded body in bytes. `waited` is in seconds since its receipt.
    """

    id: UUID
    kind: BatchKind
    pharmacy_id: int
    received_seq: int
    cnpj: str
    time_zone: str
    has_products: bool
    fills_catalogue: bool
    load_type: LoadType
    media_type: str
    encoding: str
    size: int
    body: bytes | None
    location: str | None
    claim_token: UUID
    waited: float


class FullCounts(msgspec.Struct, frozen=True):
    """The pharmacy's active products after a FULL, its settings, and the number of records in the FULL's header."""

    active: int
    deactivation_limit: Decimal | None
    full_window_minutes: int | None
    item_count_claimed: int | None


class FirstLoad(msgspec.Struct, frozen=True):
    """A batch that may have filled the empty catalogue of its pharmacy. `seq` is its number."""

    pharmacy_id: int
    batch_id: UUID
    seq: int


class GrantedTurn(msgspec.Struct, frozen=True):
    """A batch that has just got the turn of its pharmacy."""

    id: UUID
    stage: Stage


class DueSplit(msgspec.Struct, frozen=True):
    """A batch that waits for its split without a worker."""

    id: UUID
    load_type: LoadType
    received_at: datetime
    cnpj: str


class BatchTotals(ChunkCounters, frozen=True):
    """The sums of the counters of a batch's chunks, in records."""

    dead: int = 0
    cancelled: int = 0

    @property
    def applied(self) -> int:
        """Return how many products the batch inserted, updated, found unchanged or superseded."""
        return self.inserted + self.updated + self.unchanged + self.superseded

    @property
    def status(self) -> BatchStatus:
        """Return the final status of a batch whose chunks are all settled."""
        if not self.applied:
            return BatchStatus.FAILED
        return BatchStatus.PARTIAL_FAIL if self.rejected or self.dead else BatchStatus.COMPLETED


class DeactivationDecision(msgspec.Struct, frozen=True):
    """What a batch decided about the products it does not have. `active` is None if nothing was counted.

    With `is_proven`, the FULL was compared with the catalogue and not held: products that it lacks are absent.
    """

    state: DeactivationState = DeactivationState.NONE
    candidates: int = 0
    active: int | None = None
    reason: HoldReason | None = None
    is_proven: bool = False
    deactivated: int = 0

    def to_params(self) -> dict[str, object]:
        """Return the columns to store, by parameter."""
        return {
            "state": self.state,
            "candidates": self.candidates,
            "active": self.active,
            "reason": self.reason and self.reason.code,
            "facts": self.reason and Jsonb(self.reason.facts),
            "proven": self.is_proven,
            "deactivated": self.deactivated,
        }


UNDECIDED = DeactivationDecision()


class QueuedReplay(msgspec.Struct, frozen=True):
    """A batch that applies another batch again."""

    id: UUID
    parent_id: UUID
    cnpj: str
    load_type: LoadType
    received_seq: int
    received_at: datetime
    status: BatchStatus


class NeededObject(msgspec.Struct, frozen=True):
    """The chunk of a later DELTA that a replay must read, and the body it came from."""

    batch_id: UUID
    number: int
    location: str
    body_location: str | None


class Expired(msgspec.Struct, frozen=True):
    """A batch or dead letter that is old enough to lose something, and the objects to delete."""

    id: UUID | int
    location: str | None = None
    locations: list[str] = []

    @property
    def objects(self) -> list[str]:
        """Return the names of the objects to delete."""
        return self.locations or ([self.location] if self.location else [])
