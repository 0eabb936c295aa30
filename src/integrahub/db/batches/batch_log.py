"""The life of a batch in the log: one line when it is accepted, one when it is final, one when a person must decide."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from integrahub.db.batches.accept import Submission
from integrahub.db.batches.fast_path import FastPathResult, SmallBatchClaim
from integrahub.domain.batches import BatchStatus, DeactivationState
from integrahub.domain.errors import BodyError
from integrahub.domain.products import COUNTERS

_log = structlog.get_logger()
_COUNTERS = (*COUNTERS[:6], "dead", "cancelled", "deactivated")
Row = dict[str, Any]


def log_accepted(post: Submission) -> None:
    """Log a batch whose body and row are durable."""
    _log.info(
        "batch accepted",
        action="accept_batch",
        **_named(post.id),
        cnpj=post.cnpj,
        load_type=post.load_type,
        bytes=post.bytes,
    )


def log_final(found: Row) -> None:
    """Log the end of a batch as the database tells it, and what its deactivation waits for."""
    known = {"cnpj": found["cnpj"], "load_type": found["load_type"], "kind": found["kind"]}
    if found["parent_id"]:
        known["parent"] = str(found["parent_id"])
    counts = {"items": found["items"] or 0} | {name: found[name] for name in _COUNTERS if found[name]}
    _log_end(found["id"], found["status"], found["error_code"], known | counts, found["seconds"])
    if found["deactivation"] == DeactivationState.HELD:
        _log_held(found)


def log_fast_path(batches: Sequence[SmallBatchClaim], ended: Sequence[FastPathResult], seconds: float) -> None:
    """Log small batches that one transaction made final."""
    claims = {small.claim["id"]: small for small in batches}
    for one in ended:
        claim = claims[one.batch_id].claim
        known = {"cnpj": claim["cnpj"], "load_type": claim["load_type"], "kind": "load"}
        counts = {"items": len(claims[one.batch_id].draft.ids)}
        counts |= {name: count for name in COUNTERS[:6] if (count := getattr(one.counters, name))}
        code = "nothing_applied" if one.status is BatchStatus.FAILED else None
        _log_end(one.batch_id, one.status, code, known | counts, claim["waited"] + seconds)


def log_failed(claim: Row, fault: BodyError) -> None:
    """Log a batch whose body cannot be read."""
    known = {"cnpj": claim["cnpj"], "load_type": claim["load_type"], "kind": claim["kind"], "offset": fault.offset}
    _log_end(claim["id"], BatchStatus.FAILED, fault.code, known, None)


def log_decision(batch_id: UUID, decision: str) -> None:
    """Log what a person decided of a held deactivation."""
    _log.info(f"deactivation {decision}", action="decide_deactivation", **_named(batch_id), decision=decision)


def _log_held(found: Row) -> None:
    batch_id = found["parent_id"] if found["kind"] == "window" else found["id"]
    _log.info(
        "deactivation held: a person decides, see `integrahub batch list --held`",
        action="hold_deactivation",
        **_named(batch_id),
        cnpj=found["cnpj"],
        candidates=found["candidates"],
        active=found["active"],
        reason=found["reason"],
    )


def _log_end(batch_id: UUID, status: str, code: str | None, facts: Row, seconds: float | None) -> None:
    told = facts | {"status": str(status), "action": "finish_batch"} | _named(batch_id)
    if seconds is not None:
        told["seconds"] = round(seconds, 3)
    if status == BatchStatus.FAILED:
        _log.warning("batch failed", code=code, **told)
    else:
        _log.info("batch final", **told)


def _named(batch_id: UUID) -> Row:
    return {"batch": str(batch_id), "trace_id": batch_id.hex}
