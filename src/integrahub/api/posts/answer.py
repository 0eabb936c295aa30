"""What an accepted post answers, and what is counted of it. Both paths of posts use it."""

from time import monotonic

import msgspec

from integrahub.db.batches.accept import Receipt
from integrahub.domain.batches import BatchKind
from integrahub.domain.views.timestamps import format_time
from integrahub.pipeline.ingest.step import IngestRequest
from integrahub.telemetry.metrics.http import UPLOAD_BYTES, UPLOAD_DURATION, UPLOAD_LAST_BYTES
from integrahub.telemetry.metrics.pipeline import BATCHES_CREATED

MEDIA_TYPE = "application/json"


def render_body(receipt: Receipt, kind: BatchKind, signed: str | None = None) -> bytes:
    """Return the body of the 202; `signed` is the signed receipt."""
    body: dict[str, object] = {
        "batch_id": str(receipt.batch_id),
        "trace_id": receipt.batch_id.hex,
        "status": receipt.status,
        "received_at": format_time(receipt.received_at),
    }
    if kind is BatchKind.DRY_RUN:
        body["dry_run"] = True
    if receipt.replayed:
        body["message"] = "Batch already received (idempotent)"
    if signed:
        body["receipt"] = signed
    return msgspec.json.encode(body)


def build_headers(receipt: Receipt, limit_headers: dict[str, str], signed: str | None = None) -> dict[str, str]:
    """Return the headers of the 202 that depend on the receipt and on the rate limit."""
    headers = {"Location": f"/v1/batches/{receipt.batch_id}"} | limit_headers
    if receipt.replayed:
        headers["Idempotent-Replayed"] = "true"
    if signed:
        headers["Preference-Applied"] = "receipt"
    return headers


def count_accepted(receipt: Receipt, request: IngestRequest, decoded_bytes: int) -> None:
    """Count a post that became a batch; a repeated one is not counted."""
    if not receipt.replayed:
        if request.kind is BatchKind.LOAD:
            BATCHES_CREATED.add(request.load_type)
        UPLOAD_BYTES.observe(decoded_bytes)
        UPLOAD_LAST_BYTES.set(decoded_bytes)
        UPLOAD_DURATION.observe(monotonic() - request.started)
