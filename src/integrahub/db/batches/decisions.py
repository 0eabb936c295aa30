"""Operations on a final batch: an approved deactivation, and the end of a FULL that came in parts.

An operation is a separate batch, with a number and a turn, so it has one place in the pharmacy's order.
"""

from uuid import UUID

from integrahub.db.batches import deactivation, full_uploads, split_claims, turns
from integrahub.db.batches.deactivation import DeactivationPolicy, PresentProducts, evidence_of
from integrahub.db.batches.rows import Batch, ClosedWindow, DeactivationDecision, FullPart
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value
from integrahub.db.webhooks.events import with_deliveries
from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.deactivation import HoldReason, find_doubt, find_hold_reason
from integrahub.domain.events import NextWork
from integrahub.domain.ids import uuid7

_SQL = load_queries(__name__)
_DECIDE_IF_HELD = with_deliveries(_SQL["decide_if_held"])
_DECIDE_IF_WAITING = with_deliveries(_SQL["decide_if_waiting"])


async def approve(database: Database, batch_id: UUID, in_flight: InFlightLimit) -> NextWork | None:
    """Queue the deactivation that an operator approved. Return None if nothing is held or an approval is queued."""
    async with database.transaction() as connection:
        batch = await _lock_held(connection, batch_id)
        if batch is None or await _is_pending(connection, batch_id):
            return None
        return await _queue_operation(connection, batch, BatchKind.APPROVAL, in_flight)


async def reject(database: Database, batch_id: UUID) -> bool:
    """Keep all products active, as an operator decided. Return False if nothing is held or an approval is queued."""
    async with database.transaction() as connection:
        if await _lock_held(connection, batch_id) is None or await _is_pending(connection, batch_id):
            return False
        params = {"id": batch_id, "state": DeactivationState.REJECTED, "deactivated": 0}
        return await fetch_value(connection, _DECIDE_IF_HELD, params, UUID) is not None


async def _lock_held(connection: Connection, batch_id: UUID) -> Batch | None:
    """Lock the pharmacy's turn and return the batch if its deactivation is held."""
    batch = await split_claims.find(connection, batch_id)
    if batch is None:
        return None
    await turns.lock(connection, batch.pharmacy_id)
    batch = await split_claims.find(connection, batch_id)
    return batch if batch and batch.deactivation_state is DeactivationState.HELD else None


async def _is_pending(connection: Connection, batch_id: UUID) -> bool:
    return await fetch_value(connection, _SQL["pending_operation"], {"id": batch_id}, UUID) is not None


async def _queue_operation(
    connection: Connection, parent: Batch | ClosedWindow, kind: BatchKind, in_flight: InFlightLimit
) -> NextWork:
    seq = await turns.next_received_seq(connection, parent.pharmacy_id)
    operation = {"id": uuid7(), "kind": kind, "parent_id": parent.id, "received_seq": seq}
    await connection.execute(_SQL["insert_operation"], operation | {"pharmacy_id": parent.pharmacy_id})
    return await turns.grant_next_turn(connection, parent.pharmacy_id, in_flight)


async def close_windows(database: Database, window_minutes: int, in_flight: InFlightLimit) -> list[NextWork]:
    """Queue the end of every FULL in parts whose window has had no upload for long enough."""
    async with database.transaction() as connection:
        await full_uploads.prune(connection)
        windows = await _closed_windows(connection, window_minutes)
    work = []
    for window in windows:
        async with database.transaction() as connection:
            await turns.lock(connection, window.pharmacy_id)
            for last in await _closed_windows(connection, window_minutes, window.pharmacy_id):
                work.append(await _queue_operation(connection, last, BatchKind.WINDOW, in_flight))
    return work


async def _closed_windows(
    connection: Connection, window_minutes: int, pharmacy_id: int | None = None
) -> list[ClosedWindow]:
    params = {"window": window_minutes, "pharmacy_id": pharmacy_id}
    return await fetch_all(connection, _SQL["closed_windows"], params, ClosedWindow)


async def execute(connection: Connection, operation: Batch, policy: DeactivationPolicy) -> None:
    """Execute an operation that has the turn, unless the state of its parent batch has changed since."""
    parent = await _parent_of(connection, operation)
    await deactivation.force_plan(connection)
    if operation.kind is BatchKind.APPROVAL and parent.deactivation_state is DeactivationState.HELD:
        await _apply_approved(connection, parent, operation)
    if operation.kind is BatchKind.WINDOW and parent.deactivation_state is DeactivationState.WAITING:
        await _close_window(connection, parent, operation, policy, reason=None)


async def cancel(connection: Connection, operation: Batch, policy: DeactivationPolicy) -> None:
    """Hold the deactivation of a FULL in parts whose operation is cancelled. It is not queued again."""
    parent = await _parent_of(connection, operation)
    if operation.kind is BatchKind.WINDOW and parent.deactivation_state is DeactivationState.WAITING:
        await deactivation.force_plan(connection)
        await _close_window(connection, parent, operation, policy, HoldReason("window_cancelled", {}))


async def _parent_of(connection: Connection, operation: Batch) -> Batch:
    assert operation.parent_id is not None
    parent = await split_claims.find(connection, operation.parent_id)
    assert parent is not None
    return parent


async def _apply_approved(connection: Connection, parent: Batch, operation: Batch) -> None:
    first = parent.full_from_seq or parent.origin_seq or parent.received_seq
    loads = await deactivation.loads_since(connection, operation, first)
    present = PresentProducts.of(operation, (load.id for load in loads))
    deactivated = await _deactivate(connection, present, first)
    params = {"id": parent.id, "state": DeactivationState.APPROVED, "deactivated": deactivated}
    await connection.execute(_DECIDE_IF_HELD, params)


async def _deactivate(connection: Connection, present: PresentProducts, full_seq: int) -> int:
    """Deactivate the products that are not present; return how many there were."""
    deactivated = await deactivation.deactivate_absent(connection, present)
    await deactivation.mark_full_seen(connection, present.pharmacy_id, full_seq)
    return deactivated


async def _close_window(
    connection: Connection, last: Batch, operation: Batch, policy: DeactivationPolicy, reason: HoldReason | None
) -> None:
    """Deactivate the products that no part of a FULL has, or hold that: always if a `reason` is given."""
    parts = await _parts_of(connection, last, operation, policy)
    first = parts[0].received_seq
    loads = await deactivation.loads_since(connection, operation, first)
    present = PresentProducts.of(operation, (load.id for load in loads))
    counts = await deactivation.count_candidates(connection, present)
    active = counts.active - sum(load.inserted + load.reactivated for load in loads)
    uncertain = _find_doubt_of_parts(parts)
    if counts.candidates and reason is None:
        evidence = evidence_of(last, counts.candidates, active)
        reason = uncertain or find_hold_reason(evidence, policy.limit_of(last))
    deactivated = 0 if reason else await _deactivate(connection, present, first)
    decision = DeactivationDecision(
        state=_state_of(reason, deactivated),
        candidates=counts.candidates,
        active=active,
        reason=reason,
        is_proven=reason is None and uncertain is None,
        deactivated=deactivated,
    )
    await connection.execute(_DECIDE_IF_WAITING, decision.to_params() | {"id": last.id, "first": first})
    await deactivation.supersede_held(connection, last.pharmacy_id, last.received_seq)


def _state_of(reason: HoldReason | None, deactivated: int) -> DeactivationState:
    if reason:
        return DeactivationState.HELD
    return DeactivationState.APPLIED if deactivated else DeactivationState.NONE


async def _parts_of(
    connection: Connection, last: Batch, operation: Batch, policy: DeactivationPolicy
) -> list[FullPart]:
    """Return the uploads of a FULL in parts, first to last."""
    params = {
        "pharmacy_id": last.pharmacy_id,
        "minutes": policy.window_of(last),
        "until": operation.received_seq,
    }
    return await fetch_all(connection, _SQL["full_window_parts"], params, FullPart)


def _find_doubt_of_parts(parts: list[FullPart]) -> HoldReason | None:
    """Return why a product may be in the FULL although none of its parts has it, or None."""
    for part in parts:
        if part.status in (BatchStatus.FAILED, BatchStatus.CANCELLED):
            return HoldReason("part_failed", {"status": part.status, "batch_id": str(part.id)})
    return next((reason for part in parts if (reason := find_doubt(evidence_of(part, 0, 0)))), None)
