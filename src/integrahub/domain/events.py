"""Events on the topics, as JSON with camelCase keys."""

from datetime import datetime
from uuid import UUID

import msgspec

BATCHES_RECEIVED = "batches.received"
CHUNKS_READY = "chunks.ready"
CHUNKS_FAILED = "chunks.failed"
BATCHES_UPSERTED = "batches.upserted"
BATCHES_FINISHED = "batches.finished"
MESSAGES_DEAD = "messages.dead"


class BatchReceived(msgspec.Struct, frozen=True, rename="camel"):
    """A batch was accepted: its body is stored and its row committed."""

    batch_id: UUID
    cnpj: str
    load_type: str
    timestamp: datetime


class ChunkReady(msgspec.Struct, frozen=True, rename="camel"):
    """A chunk may be applied, since its batch has the turn."""

    chunk_id: str
    batch_id: UUID
    pharmacy_id: int
    cnpj: str
    load_type: str
    chunk_uri: str
    items_count: int
    chunk_index: int
    total_chunks: int


class ChunkFailed(msgspec.Struct, frozen=True, rename="camel"):
    """A chunk is dead: every attempt failed."""

    batch_id: UUID
    chunk_index: int
    error: str


class BatchUpserted(msgspec.Struct, frozen=True, rename="camel"):
    """No chunk of the batch is left; it can be finished."""

    batch_id: UUID


class BatchFinished(msgspec.Struct, frozen=True, rename="camel"):
    """The batch has its final status, and webhooks about it are due."""

    batch_id: UUID
    status: str


class DeadMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A dead-lettered message: its unchanged body and why it failed, as in `Failure`."""

    letter_id: UUID
    topic: str
    body: bytes
    trace_id: str
    failed_at: datetime
    error_class: str
    error_code: str
    culprit: str
    message: str
    stack: str


class NextWork(msgspec.Struct, frozen=True):
    """Work to publish after a turn was granted: chunks of the next batch, or its id if it only needs to finish."""

    ready: list[ChunkReady]
    finishing: UUID | None = None
