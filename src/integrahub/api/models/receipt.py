"""Answer of the ingest route."""

from uuid import UUID

from integrahub.api.models.base import Answer, Timestamp
from integrahub.domain.batches import BatchStatus


class Receipt(Answer):
    """Receipt of a post. `trace_id` is the id without dashes. `message` is present if the batch was known.

    `dry_run` is present, and true, if the post changes no product. `receipt` is present if the post has
    `Prefer: receipt`: a compact JWS.
    """

    batch_id: UUID
    trace_id: str
    status: BatchStatus
    received_at: Timestamp
    dry_run: bool = False
    message: str = ""
    receipt: str = ""
