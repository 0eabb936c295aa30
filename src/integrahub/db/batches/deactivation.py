"""Deactivation of the products that a FULL does not have: count them, deactivate or hold.

`domain.deactivation` decides whether to hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from integrahub.db.batches.rows import Batch, CandidateCounts, DeactivationDecision, FullCounts, FullPart, LoadCounts
from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.db.webhooks.events import with_deliveries
from integrahub.domain.batches import DeactivationState
from integrahub.domain.deactivation import DeactivationEvidence

_SQL = load_queries(__name__)
HASH_PLAN = _SQL["force_hash_antijoin"]  #: Forces the plan of queries that compare products with ids of chunks.
_SUPERSEDE_HELD = with_deliveries(_SQL["supersede_held"])


@dataclass(frozen=True, slots=True)
class DeactivationPolicy:
    """The hub's settings, which a pharmacy may override.

    `limit` is the share of the active products that a FULL may deactivate. `window_minutes` without an upload complete
    a FULL that comes in parts; with 0 every FULL is whole.
    """

    limit: float
    window_minutes: int

    def limit_of(self, batch: Batch | FullCounts) -> float:
        """Return the limit of the batch's pharmacy."""
        return self.limit if batch.deactivation_limit is None else float(batch.deactivation_limit)

    def window_of(self, batch: Batch | FullCounts) -> int:
        """Return the window of the batch's pharmacy, in minutes."""
        return self.window_minutes if batch.full_window_minutes is None else batch.full_window_minutes


@dataclass(frozen=True, slots=True)
class PresentProducts:
    """Products in any chunk of `batches`, which stay active. `batch_id` is the batch that deactivates the others."""

    pharmacy_id: int
    batch_id: UUID
    batches: tuple[UUID, ...]

    @classmethod
    def of(cls, batch: Batch, loads: Iterable[UUID]) -> "PresentProducts":
        """Return what the loads have, for a decision of `batch`."""
        return cls(batch.pharmacy_id, batch.id, tuple(loads))

    def to_params(self) -> dict[str, object]:
        """Return the parameters of the queries below."""
        return {"pharmacy_id": self.pharmacy_id, "batch_id": self.batch_id, "batches": list(self.batches)}


async def force_plan(connection: Connection) -> None:
    """Force the query plan of the queries below until the transaction ends."""
    await connection.execute(HASH_PLAN)


async def count_candidates(connection: Connection, present: PresentProducts) -> CandidateCounts:
    """Count the pharmacy's active products and those that are not present. The caller has forced the plan."""
    counts = await fetch_one(connection, _SQL["count_candidates"], present.to_params(), CandidateCounts)
    assert counts is not None
    return counts


async def count_unless_all(connection: Connection, present: PresentProducts, applied: int) -> CandidateCounts:
    """Count as `count_candidates`, but skip its query if the batch `applied` as many products as are active."""
    await force_plan(connection)
    active = await fetch_value(connection, _SQL["count_active"], present.to_params(), int)
    if active == applied:  # every product that the batch applied is active
        return CandidateCounts(active, 0)
    return await count_candidates(connection, present)


async def deactivate_absent(connection: Connection, present: PresentProducts) -> int:
    """Deactivate the products that are not present; return how many there were."""
    return await fetch_value(connection, _SQL["deactivate_absent"], present.to_params(), int) or 0


async def mark_full_seen(connection: Connection, pharmacy_id: int, received_seq: int) -> None:
    """Record that a FULL had every active product. The caller has deactivated the absent ones before."""
    await connection.execute(_SQL["mark_full_seen"], {"pharmacy_id": pharmacy_id, "received_seq": received_seq})


async def supersede_held(connection: Connection, pharmacy_id: int, received_seq: int) -> None:
    """Close the open decisions of earlier FULLs."""
    await connection.execute(_SUPERSEDE_HELD, {"pharmacy_id": pharmacy_id, "received_seq": received_seq})


async def loads_since(connection: Connection, batch: Batch, first: int) -> list[LoadCounts]:
    """Return the loads and replays from the number `first` on, none received after `batch`."""
    params = {"pharmacy_id": batch.pharmacy_id, "first": first, "until": batch.received_seq}
    return await fetch_all(connection, _SQL["later_loads"], params, LoadCounts)


def evidence_of(full: Batch | FullPart, candidates: int, active: int) -> DeactivationEvidence:
    """Return what is known of a FULL when its deactivation is decided."""
    return DeactivationEvidence(
        candidates=candidates,
        active=active,
        unreadable_ids=full.unreadable_ids,
        is_array=full.media_type == "application/json",
        claimed=full.item_count_claimed,
        received=full.items_total or 0,
    )


async def apply_or_hold(
    connection: Connection, present: PresentProducts, seq: int, decision: DeactivationDecision
) -> DeactivationDecision:
    """Deactivate the absent products, or hold that if the decision has a reason; return what was done.

    `seq` is the FULL's place in the pharmacy's order.
    """
    await supersede_held(connection, present.pharmacy_id, seq)
    deactivated = 0
    if decision.reason is None:
        if decision.candidates:
            deactivated = await deactivate_absent(connection, present)
        await mark_full_seen(connection, present.pharmacy_id, seq)
    return complete_decision(decision, deactivated)


def complete_decision(decision: DeactivationDecision, deactivated: int) -> DeactivationDecision:
    """Return a decision that was carried out: its state, and how many products it deactivated."""
    state = DeactivationState.HELD if decision.reason else DeactivationState.APPLIED
    return DeactivationDecision(
        state=state if decision.candidates else DeactivationState.NONE,
        candidates=decision.candidates,
        active=decision.active,
        reason=decision.reason,
        is_proven=decision.reason is None and decision.is_proven,
        deactivated=deactivated,
    )
