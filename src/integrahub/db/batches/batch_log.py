"""Log lines of a batch: accepted, final or failed, and the decision on its deactivation."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import structlog

from integrahub.db.batches.accept import Submission
from integrahub.db.batches.report_rows import FinalBatch
from integrahub.db.batches.rows import SplitClaim
from integrahub.db.batches.small_batch import FastPathResult, SmallBatch
from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState
from integrahub.domain.errors import BodyError
from integrahub.domain.products import SETTLED
from integrahub.telemetry.logs import info_all

_log = structlog.get_logger()
_COUNTERS = (*SETTLED, "dead", "cancelled", "deactivated")


def log_accepted(posts: Iterable[Submission]) -> None:
    """Log batches whose bodies and rows are durable."""
    entries = (
        {
            "action": "accept_batch",
            **_ids(post.id),
            "cnpj": post.cnpj,
            "load_type": str(post.load_type),
            "kind": str(post.kind),
            "bytes": post.bytes,
        }
        for post in posts
    )
    info_all("batch accepted", entries)


def log_final(batch: FinalBatch) -> None:
    """Log a final batch, and its deactivation if that is held."""
    fields: dict[str, object] = {"cnpj": batch.cnpj, "load_type": str(batch.load_type), "kind": str(batch.kind)}
    if batch.parent_id:
        fields["parent"] = str(batch.parent_id)
    counts = {"items": batch.items or 0} | {name: getattr(batch, name) for name in _COUNTERS if getattr(batch, name)}
    _log_end(batch.id, batch.status, batch.error_code, fields | counts, batch.seconds)
    if batch.deactivation is DeactivationState.HELD:
        full_id = batch.parent_id if batch.kind is BatchKind.WINDOW and batch.parent_id else batch.id
        _log_held(full_id, batch.cnpj, candidates=batch.candidates, active=batch.active, reason=batch.reason)


def log_fast_path(batches: Sequence[SmallBatch], results: Sequence[FastPathResult], seconds: float) -> None:
    """Log small batches that one transaction made final. `seconds` is how long that took."""
    applied = []
    for batch, result in zip(batches, results, strict=True):
        claim, decision = batch.claim, result.decision
        fields: dict[str, object] = {"cnpj": claim.cnpj, "load_type": str(claim.load_type), "kind": str(claim.kind)}
        fields["items"] = len(batch.index.ids)
        fields |= {name: count for name in SETTLED if (count := getattr(result.counters, name))}
        if decision.deactivated:
            fields["deactivated"] = decision.deactivated
        if result.status is BatchStatus.FAILED:
            _log_end(claim.id, result.status, "nothing_applied", fields, claim.waited + seconds)
        else:
            applied.append(_end_fields(claim.id, result.status, fields, claim.waited + seconds))
        if decision.state is DeactivationState.HELD:
            reason = decision.reason.code if decision.reason else None
            _log_held(claim.id, claim.cnpj, candidates=decision.candidates, active=decision.active, reason=reason)
    info_all("batch final", applied)


def log_failed(claim: SplitClaim, error: BodyError) -> None:
    """Log a batch whose body cannot be read."""
    fields = {
        "cnpj": claim.cnpj,
        "load_type": str(claim.load_type),
        "kind": str(claim.kind),
        "offset": error.offset,
    }
    _log_end(claim.id, BatchStatus.FAILED, error.code, fields, None)


def log_decision(batch_id: UUID, decision: str) -> None:
    """Log an operator's decision on a held deactivation."""
    _log.info(f"deactivation {decision}", action="decide_deactivation", **_ids(batch_id), decision=decision)


def _log_held(full_id: UUID, cnpj: str, **facts: object) -> None:
    _log.info(
        "deactivation held: an operator must decide, see `integrahub batch list --held`",
        action="hold_deactivation",
        **_ids(full_id),
        cnpj=cnpj,
        **facts,
    )


def _log_end(
    batch_id: UUID, status: BatchStatus, code: str | None, fields: Mapping[str, object], seconds: float | None
) -> None:
    all_fields = _end_fields(batch_id, status, fields, seconds)
    if status is BatchStatus.FAILED:
        _log.warning("batch failed", code=code, **all_fields)
    else:
        _log.info("batch final", **all_fields)


def _end_fields(
    batch_id: UUID, status: BatchStatus, fields: Mapping[str, object], seconds: float | None
) -> dict[str, object]:
    all_fields: dict[str, object] = {**fields, "status": str(status), "action": "finish_batch", **_ids(batch_id)}
    if seconds is not None:
        all_fields["seconds"] = round(seconds, 3)
    return all_fields


def _ids(batch_id: UUID) -> dict[str, str]:
    return {"batch": str(batch_id), "trace_id": batch_id.hex}
