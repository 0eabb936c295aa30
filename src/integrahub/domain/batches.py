"""Load types, and states of batches, chunks and deactivations with the moves between them."""

from dataclasses import dataclass
from enum import StrEnum

# Bytes. Smaller bodies are stored in the batch's row, and such DELTAs may take the fast path.
INLINE_BODY_LIMIT = 64 * 1024
SMALL_FULL_LIMIT = 1 << 20  # decoded bytes; smaller FULLs may take the fast path
# Codes of errors of the body itself: a replay reads the same body and fails again.
BODY_ERRORS = frozenset({"body_truncated", "body_malformed", "encoding_invalid", "body_no_catalogue"})


class LoadType(StrEnum):
    """What a batch claims to be."""

    FULL = "full"  #: The whole catalogue: what is absent is deactivated.
    DELTA = "delta"  #: Changes only: what is absent stays.


class BatchKind(StrEnum):
    """What a batch does when it has the turn."""

    LOAD = "load"  # A client's upload.
    DRY_RUN = "dry_run"  # A client's upload that is applied and rolled back.
    REPLAY = "replay"  # A load applied again, in the place it had.
    CHUNK_REPLAY = "chunk_replay"  # Dead chunks of a load applied again.
    APPROVAL = "approval"  # The approved deactivation of a held FULL.
    WINDOW = "window"  # The end of a FULL that came in parts.


class BatchStatus(StrEnum):
    """Where a batch stands, as clients see it."""

    RECEIVED = "RECEIVED"  #: The body is durable; nothing has been read yet.
    PROCESSING = "PROCESSING"  #: The body is being split or its chunks applied.
    COMPLETED = "COMPLETED"  #: Every record was applied.
    PARTIAL_FAIL = "PARTIAL_FAIL"  #: Some records were rejected or some chunk is dead; the rest was applied.
    FAILED = "FAILED"  #: Nothing was inserted, updated, found unchanged or superseded.
    CANCELLED = "CANCELLED"  #: An operator stopped it; what was applied before stands.


class Stage(StrEnum):
    """What is being done to a batch that is not final."""

    RECEIVED = "received"  #: Waiting to be split.
    SPLITTING = "splitting"  #: The body is being cut into chunks.
    WAITING = "waiting"  #: Split; an earlier batch of the pharmacy is not finished.
    UPSERTING = "upserting"  #: Its chunks are being applied.
    FINISHING = "finishing"  #: All chunks are settled; deactivation and totals are due.
    DONE = "done"  #: Nothing is left to do.


class ChunkStatus(StrEnum):
    """Where a chunk stands."""

    PENDING = "PENDING"  #: Not taken yet.
    PROCESSING = "PROCESSING"  #: A worker holds its lease.
    COMPLETED = "COMPLETED"  #: Its effect is committed.
    RETRYING = "RETRYING"  #: It failed and will be tried again at `next_attempt_at`.
    FAILED = "FAILED"  #: It is dead: every attempt failed.
    CANCELLED = "CANCELLED"  #: Its batch was cancelled before it was applied.


class DeactivationState(StrEnum):
    """What became of the products a FULL no longer has."""

    NONE = "none"  #: Nothing to deactivate, or not a FULL.
    WAITING = "waiting"  #: The FULL comes in parts; its window is still open.
    APPLIED = "applied"  #: The absent products are inactive.
    HELD = "held"  #: Too many or too uncertain: a person decides.
    APPROVED = "approved"  #: A person approved; the absent products are inactive.
    REJECTED = "rejected"  #: A person rejected; everything stays active.
    SUPERSEDED = "superseded"  #: A later FULL replaced this decision.


FINAL = frozenset({BatchStatus.COMPLETED, BatchStatus.PARTIAL_FAIL, BatchStatus.FAILED, BatchStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Move:
    """A change of state by an actor. `before` is None for a new row."""

    before: StrEnum | None
    after: StrEnum
    cause: str


BATCH_MOVES = (
    Move(None, BatchStatus.RECEIVED, "the API commits a post, or an operator replays a batch"),
    Move(None, BatchStatus.PROCESSING, "an operator approves a deactivation or replays chunks, or a window ends"),
    Move(BatchStatus.RECEIVED, BatchStatus.PROCESSING, "a split worker claims the body"),
    Move(BatchStatus.RECEIVED, BatchStatus.CANCELLED, "an operator cancels it"),
    Move(BatchStatus.PROCESSING, BatchStatus.COMPLETED, "a worker finishes it, all records applied"),
    Move(BatchStatus.PROCESSING, BatchStatus.PARTIAL_FAIL, "a worker finishes it, some records rejected or dead"),
    Move(BatchStatus.PROCESSING, BatchStatus.FAILED, "the body cannot be split, or no record was applied"),
    Move(BatchStatus.PROCESSING, BatchStatus.CANCELLED, "an operator cancels it"),
)
CHUNK_MOVES = (
    Move(None, ChunkStatus.PENDING, "the split inserts it"),
    Move(None, ChunkStatus.COMPLETED, "the split finds nothing to apply, or the fast path applied it"),
    Move(ChunkStatus.PENDING, ChunkStatus.PROCESSING, "an upsert worker claims it"),
    Move(ChunkStatus.RETRYING, ChunkStatus.PROCESSING, "an upsert worker claims it again"),
    Move(ChunkStatus.PROCESSING, ChunkStatus.COMPLETED, "its transaction commits"),
    Move(ChunkStatus.PROCESSING, ChunkStatus.RETRYING, "an attempt fails, or the lease of its worker expires"),
    Move(ChunkStatus.PROCESSING, ChunkStatus.FAILED, "the last attempt fails"),
    Move(ChunkStatus.RETRYING, ChunkStatus.FAILED, "its worker was lost too often"),
    Move(ChunkStatus.PENDING, ChunkStatus.CANCELLED, "an operator cancels its batch"),
    Move(ChunkStatus.PROCESSING, ChunkStatus.CANCELLED, "an operator cancels its batch"),
    Move(ChunkStatus.RETRYING, ChunkStatus.CANCELLED, "an operator cancels its batch"),
)
DEACTIVATION_MOVES = (
    Move(None, DeactivationState.NONE, "the batch is new"),
    Move(DeactivationState.NONE, DeactivationState.WAITING, "a FULL in parts is finished, its window open"),
    Move(DeactivationState.NONE, DeactivationState.APPLIED, "a worker finishes a FULL within the limits"),
    Move(DeactivationState.NONE, DeactivationState.HELD, "a worker finishes a FULL beyond the limits"),
    Move(DeactivationState.WAITING, DeactivationState.APPLIED, "the window ends, within the limits"),
    Move(DeactivationState.WAITING, DeactivationState.HELD, "the window ends, beyond the limits"),
    Move(DeactivationState.WAITING, DeactivationState.NONE, "the window ends, no product absent"),
    Move(DeactivationState.WAITING, DeactivationState.SUPERSEDED, "a later FULL is decided"),
    Move(DeactivationState.HELD, DeactivationState.APPROVED, "an operator approves it"),
    Move(DeactivationState.HELD, DeactivationState.REJECTED, "an operator rejects it"),
    Move(DeactivationState.HELD, DeactivationState.SUPERSEDED, "a later FULL is decided"),
)
