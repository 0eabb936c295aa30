"""Typed rows of `batches` and `full_uploads`."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchStatus, LoadType


class KnownSubmission(msgspec.Struct, frozen=True):
    """An earlier batch that a post may repeat. `received_at` is None for a batch of the same transaction."""

    id: UUID
    pharmacy_id: int
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
