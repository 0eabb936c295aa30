"""The events by which steps hear of work: JSON with camelCase keys, as the topics of the wire contract have them."""

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
    """A body is durable and its batch is committed."""

    batch_id: UUID
    cnpj: str
    load_type: str
    timestamp: datetime


class ChunkReady(msgspec.Struct, frozen=True, rename="camel"):
    """A chunk may be applied: its batch has the turn."""

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
    """The last chunk of a batch is settled."""

    batch_id: UUID


class BatchFinished(msgspec.Struct, frozen=True, rename="camel"):
    """A batch is final."""

    batch_id: UUID
    status: str


class DeadMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A message that left its topic since no step can work on it: `body` as it was, and why (see Failure)."""

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
