"""Whether a FULL may deactivate what it no longer has, or a person must decide."""

from dataclasses import dataclass
from typing import Any

_FEW = 10
_VERY_FEW = 5  # of a catalogue so small that these are over half of it


@dataclass(frozen=True, slots=True)
class DeactivationEvidence:
    """What finish knows. `active` are the products active before the batch, `candidates` those it would deactivate."""

    candidates: int
    active: int
    unreadable_ids: int
    is_array: bool
    claimed: int | None
    received: int


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why a deactivation is held: a code of `sentences` and its facts."""

    code: str
    facts: dict[str, Any]


def find_hold_reason(evidence: DeactivationEvidence, limit: float) -> HoldReason | None:
    """Why the deactivation is held, or None when it may be applied.

    `limit` is a share of the active products; a limit of 0 holds every deactivation.
    """
    return (find_doubt(evidence) or _too_many(evidence, limit)) if evidence.candidates else None


def find_doubt(evidence: DeactivationEvidence) -> HoldReason | None:
    """Why products that a FULL does not have may be in it nevertheless, or None when they are absent."""
    if not evidence.is_array and evidence.claimed is None:
        return HoldReason("end_not_seen", {"received": evidence.received})
    if evidence.claimed is not None and evidence.claimed != evidence.received:
        return HoldReason("count_differs", {"claimed": evidence.claimed, "received": evidence.received})
    if evidence.unreadable_ids:
        return HoldReason("ids_unreadable", {"count": evidence.unreadable_ids})
    return None


def _too_many(evidence: DeactivationEvidence, limit: float) -> HoldReason | None:
    share = evidence.candidates / max(1, evidence.active)
    over_limit = not limit or (share > limit and evidence.candidates > _FEW)
    if over_limit or (share > 0.5 and evidence.candidates > _VERY_FEW):
        facts = {"candidates": evidence.candidates, "active": evidence.active, "share": share, "limit": min(limit, 0.5)}
        return HoldReason("too_many_absent", facts)
    return None
