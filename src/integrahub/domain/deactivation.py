"""Whether a FULL may deactivate what it no longer has, or a person must decide."""

from dataclasses import dataclass

_FEW = 50
_VERY_FEW = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What finish knows. `active` are the products active before the batch, `candidates` those it would deactivate."""

    candidates: int
    active: int
    unreadable_ids: int
    is_array: bool
    claimed: int | None
    received: int


def hold_reason(evidence: Evidence, limit: float) -> str | None:
    """Why the deactivation is held, or None when it may be applied. `limit` is a share of the active products."""
    if not evidence.candidates:
        return None
    if not evidence.is_array and evidence.claimed != evidence.received:
        return (
            f"NDJSON has no visible end: X-Inova-Item-Count must equal the {evidence.received} records received, "
            f"it is {'absent' if evidence.claimed is None else evidence.claimed}"
        )
    if evidence.claimed is not None and evidence.claimed != evidence.received:
        return f"X-Inova-Item-Count says {evidence.claimed} records, {evidence.received} were received"
    if evidence.unreadable_ids:
        return f"{evidence.unreadable_ids} records have no readable product id: they may be products to keep"
    return _too_many(evidence, limit)


def _too_many(evidence: Evidence, limit: float) -> str | None:
    share = evidence.candidates / max(1, evidence.active)
    if (share > limit and evidence.candidates > _FEW) or (share > 0.5 and evidence.candidates > _VERY_FEW):
        return (
            f"{evidence.candidates} of {evidence.active} active products ({share:.0%}) would be deactivated; "
            f"the limit is {limit:.0%}"
        )
    return None
