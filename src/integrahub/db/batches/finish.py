"""The end of a batch: totals, deactivation, status and the next turn in one transaction.

Small batches end on the fast path, and batches whose split failed in `split_claims`.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.batches import deactivation, decisions, replays, split_claims, turns
from integrahub.db.batches.deactivation import DeactivationPolicy, PresentProducts, evidence_of
from integrahub.db.batches.report_rows import FinalBatch
from integrahub.db.batches.rows import UNDECIDED, Batch, BatchTotals, CandidateCounts, DeactivationDecision, FirstLoad
from integrahub.db.database import Connection, Database
from integrahub.db.products.dry_run import DryRun, roll_back_products
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one, fetch_value
from integrahub.db.webhooks.events import with_deliveries
from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.deactivation import HoldReason, find_doubt, find_hold_reason
from integrahub.domain.events import NextWork
from integrahub.domain.replays import KINDS

_SQL = load_queries(__name__)
_FINISH = with_deliveries(_SQL["finish"])


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch that has just become final: its totals, what the log says of it, and the work to publish next."""

    final: FinalBatch
    totals: BatchTotals
    next_work: NextWork


async def finish(
    database: Database, batch_id: UUID, policy: DeactivationPolicy, in_flight: InFlightLimit
) -> BatchResult | None:
    """Make a batch final whose chunks are all settled.

    Return None if the batch is unknown, has open chunks, or another worker finished or cancelled it.
    """
    async with database.transaction() as connection:
        batch = await split_claims.find(connection, batch_id)
        if batch is None or batch.stage is not Stage.FINISHING:
            return None
        # Counting takes long, and posts of the pharmacy wait for its turn. So count before the turn is locked: until
        # this batch is final, no other batch writes the pharmacy's products.
        totals = await _totals_of(connection, batch_id)
        counts = await _count_candidates(connection, batch, totals, policy)
        await turns.lock(connection, batch.pharmacy_id)
        if not await fetch_value(connection, _SQL["lock_if_finishing"], {"id": batch_id}, UUID):
            return None
        if batch.kind in KINDS:
            await _finish_replay(connection, batch, totals, policy)
        elif batch.kind is BatchKind.LOAD:
            await _close(
                connection, batch, totals, totals.status, await _decide(connection, batch, totals, counts, policy)
            )
        elif batch.kind is BatchKind.DRY_RUN:
            await _finish_dry_run(connection, batch, totals, counts, policy)
        else:
            await decisions.execute(connection, batch, policy)
            await _close(connection, batch, totals, BatchStatus.COMPLETED)
        return await _result_of(connection, batch, totals, in_flight)


async def cancel(
    database: Database, batch_id: UUID, policy: DeactivationPolicy, in_flight: InFlightLimit
) -> BatchResult | None:
    """Cancel a batch: chunks that were applied stay applied, no other will be. Return None if it is final already."""
    async with database.transaction() as connection:
        batch = await split_claims.find(connection, batch_id)
        if batch is None:
            return None
        await turns.lock(connection, batch.pharmacy_id)
        await connection.execute(_SQL["lock_chunks"], {"batch_id": batch_id})
        if not await fetch_value(connection, _SQL["lock_unfinished"], {"id": batch_id}, UUID):
            return None
        await connection.execute(_SQL["cancel_chunks"], {"batch_id": batch_id})
        totals = await _totals_of(connection, batch_id)
        await _close(connection, batch, totals, BatchStatus.CANCELLED)
        if batch.kind is BatchKind.DRY_RUN and totals.inserted:
            params = {"id": batch_id, "pharmacy_id": batch.pharmacy_id}
            await connection.execute(_SQL["record_rehearsed_reset"], params)
        await _reopen(connection, batch, policy)
        return await _result_of(connection, batch, totals, in_flight)


async def _result_of(
    connection: Connection, batch: Batch, totals: BatchTotals, in_flight: InFlightLimit
) -> BatchResult:
    final = await split_claims.find_final(connection, batch.id)
    return BatchResult(final, totals, await turns.grant_next_turn(connection, batch.pharmacy_id, in_flight))


async def _reopen(connection: Connection, batch: Batch, policy: DeactivationPolicy) -> None:
    """Return to the operator what a cancelled batch was to do: its dead letters, or the end of a FULL in parts."""
    if batch.kind is BatchKind.CHUNK_REPLAY:
        await replays.reopen_dead_letters(connection, batch.id)
    elif batch.kind in (BatchKind.APPROVAL, BatchKind.WINDOW):
        await decisions.cancel(connection, batch, policy)


async def _totals_of(connection: Connection, batch_id: UUID) -> BatchTotals:
    totals = await fetch_one(connection, _SQL["totals"], {"id": batch_id}, BatchTotals)
    assert totals is not None
    return totals


async def _close(
    connection: Connection,
    batch: Batch,
    totals: BatchTotals,
    status: BatchStatus,
    decision: DeactivationDecision = UNDECIDED,
) -> None:
    counters = {name: getattr(totals, name) for name in BatchTotals.__struct_fields__}
    params = {"id": batch.id, "status": status} | counters | decision.to_params() | _error_of(totals, status)
    await connection.execute(_FINISH, params)
    if totals.inserted and batch.kind is not BatchKind.DRY_RUN:
        await split_claims.set_has_products(connection, [_first_load_of(batch)])


def _first_load_of(batch: Batch) -> FirstLoad:
    return FirstLoad(batch.pharmacy_id, batch.id, batch.received_seq)


def _error_of(totals: BatchTotals, status: BatchStatus) -> dict[str, object]:
    """Return the error of a batch. Dead chunks come first: they are the hub's fault, not that of the records."""
    if totals.dead and status is not BatchStatus.CANCELLED:
        return {"error_code": "records_not_applied", "error_facts": Jsonb({"dead": totals.dead})}
    return {"error_code": error_code_of(status), "error_facts": None}


def error_code_of(status: BatchStatus) -> str | None:
    """Return the error code of a FAILED batch whose chunks were all settled; None for any other status."""
    return "nothing_applied" if status is BatchStatus.FAILED else None


def _is_applied_full(batch: Batch, totals: BatchTotals) -> bool:
    return batch.load_type is LoadType.FULL and totals.status is not BatchStatus.FAILED


async def _count_candidates(
    connection: Connection, batch: Batch, totals: BatchTotals, policy: DeactivationPolicy
) -> CandidateCounts | None:
    """Count what a whole FULL, posted or rehearsed, would deactivate. Return None for any other batch."""
    is_posted = batch.kind in (BatchKind.LOAD, BatchKind.DRY_RUN)
    if not is_posted or not _is_applied_full(batch, totals) or policy.window_of(batch):
        return None
    # The products that a dry run made active were rolled back: it counts as if they were there.
    missing = totals.inserted + totals.reactivated if batch.kind is BatchKind.DRY_RUN else 0
    present = PresentProducts.of(batch, [batch.id])
    counts = await deactivation.count_unless_all(connection, present, totals.applied - missing)
    return CandidateCounts(counts.active + missing, counts.candidates)


async def _decide(
    connection: Connection,
    batch: Batch,
    totals: BatchTotals,
    counts: CandidateCounts | None,
    policy: DeactivationPolicy,
) -> DeactivationDecision:
    """Decide about the products that a posted batch does not have. A FULL in parts waits for its window."""
    if counts is not None:
        return await _deactivate(connection, batch, totals, counts, policy)
    if _is_applied_full(batch, totals):
        return DeactivationDecision(state=DeactivationState.WAITING)
    return UNDECIDED


async def _finish_dry_run(
    connection: Connection,
    batch: Batch,
    totals: BatchTotals,
    counts: CandidateCounts | None,
    policy: DeactivationPolicy,
) -> None:
    """Decide as for a load, roll that back, and store the decision where nothing acts on it."""
    dry_run = DryRun(batch.id, batch.pharmacy_id, batch.received_seq)
    async with roll_back_products(connection, dry_run) as rolled_back:
        decision = await _decide(connection, batch, totals, counts, policy)
        filled = totals.inserted and await split_claims.set_has_products(connection, [_first_load_of(batch)])
        rolled_back.has_changes = bool(decision.deactivated or filled)
    await _close(connection, batch, totals, totals.status)
    await connection.execute(_SQL["insert_dry_run"], {"id": batch.id} | decision.to_params())


async def _deactivate(
    connection: Connection, batch: Batch, totals: BatchTotals, counts: CandidateCounts, policy: DeactivationPolicy
) -> DeactivationDecision:
    """Deactivate the products that a whole FULL does not have, or hold that."""
    active = counts.active - totals.inserted - totals.reactivated
    evidence = evidence_of(batch, counts.candidates, active)
    decision = DeactivationDecision(
        candidates=counts.candidates,
        active=active,
        reason=find_hold_reason(evidence, policy.limit_of(batch)),
        is_proven=find_doubt(evidence) is None,
    )
    present = PresentProducts.of(batch, [batch.id])
    return await deactivation.apply_or_hold(connection, present, batch.received_seq, decision)


async def _finish_replay(connection: Connection, batch: Batch, totals: BatchTotals, policy: DeactivationPolicy) -> None:
    decision = UNDECIDED
    if batch.kind is BatchKind.REPLAY and _is_applied_full(batch, totals):
        decision = await _deactivate_replayed(connection, batch, totals, policy)
    await _close(connection, batch, totals, totals.status, decision)


async def _deactivate_replayed(
    connection: Connection, batch: Batch, totals: BatchTotals, policy: DeactivationPolicy
) -> DeactivationDecision:
    """Deactivate the products that neither a replayed FULL nor a later load has.

    Hold that unless the FULL is whole and the pharmacy's newest load: later batches may have products that it lacks.
    """
    assert batch.origin_seq is not None
    loads = await deactivation.loads_since(connection, batch, batch.origin_seq)
    present = PresentProducts.of(batch, {*(load.id for load in loads), batch.id})
    await deactivation.force_plan(connection)
    counts = await deactivation.count_candidates(connection, present)
    active = counts.active - totals.inserted - totals.reactivated
    evidence = evidence_of(batch, counts.candidates, active)
    reason = find_hold_reason(evidence, policy.limit_of(batch))
    is_sure = not policy.window_of(batch) and await replays.is_newest(connection, batch)
    if counts.candidates and not is_sure:
        reason = HoldReason("replayed", {"candidates": counts.candidates, "received_seq": batch.origin_seq})
    decision = DeactivationDecision(
        candidates=counts.candidates, active=active, reason=reason, is_proven=is_sure and find_doubt(evidence) is None
    )
    # A replay takes the place of its origin in the pharmacy's order.
    return await deactivation.apply_or_hold(connection, present, batch.origin_seq, decision)
