"""Rules for the deactivation of products that are absent from a FULL: apply it, or hold it for an operator.

A replay and a window with a failed or cancelled part are held by their own reasons, where they are finished.
"""

from dataclasses import dataclass
from typing import Any

_SMALL_ENOUGH_FOR_LIMIT = 10  # products that a FULL may deactivate above its limit, unless the limit is 0
_SMALL_ENOUGH_FOR_HALF = 5  # products that a FULL may deactivate although they are more than half of the catalogue
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class DeactivationEvidence:
    """What the finish step knows of a FULL.

    `active` counts the products active before the batch, `candidates` those that it would deactivate. `claimed` is
    the number of records in the request's header, if any, `received` the number in the body.
    """

    candidates: int
    active: int
    unreadable_ids: int
    is_array: bool
    claimed: int | None
    received: int


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why a deactivation is held: the code of a message and its facts."""

    code: str
    facts: dict[str, Any]


def find_hold_reason(evidence: DeactivationEvidence, limit: float) -> HoldReason | None:
    """Return why the deactivation must be held; None if it may be applied.

    `limit` is a share of the active products; with a limit of 0 every deactivation is held.
    """
    return (find_doubt(evidence) or _too_many(evidence, limit)) if evidence.candidates else None


def find_doubt(evidence: DeactivationEvidence) -> HoldReason | None:
    """Return why the FULL may be incomplete; None if absent products are certainly absent."""
    if not evidence.is_array and evidence.claimed is None:
        return HoldReason("end_not_seen", {"received": evidence.received})
    if evidence.claimed is not None and evidence.claimed != evidence.received:
        return HoldReason("count_differs", {"claimed": evidence.claimed, "received": evidence.received})
    if evidence.unreadable_ids:
        return HoldReason("ids_unreadable", {"count": evidence.unreadable_ids})
    return None


def _too_many(evidence: DeactivationEvidence, limit: float) -> HoldReason | None:
    share = evidence.candidates / max(1, evidence.active)
    over_limit = not limit or (share > limit and evidence.candidates > _SMALL_ENOUGH_FOR_LIMIT)
    if over_limit or (share > _HALF and evidence.candidates > _SMALL_ENOUGH_FOR_HALF):
        facts = {
            "candidates": evidence.candidates,
            "active": evidence.active,
            "share": share,
            "limit": min(limit, _HALF),
        }
        return HoldReason("too_many_absent", facts)
    return None
