"""The end of a batch: totals, deactivation, status, and the turn passes - one transaction."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.batches import decisions as operations
from integrahub.db.batches import replays, turns
from integrahub.db.batches import split_claims as batches
from integrahub.db.batches.turns import NextWork
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.domain.batches import BatchStatus, DeactivationState
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.deactivation import HoldReason, find_doubt, find_hold_reason
from integrahub.domain.replays import KINDS

_SQL = load_queries(__name__)
_DEACTIVATION = load_queries("integrahub.db.batches.deactivation")
Row = dict[str, Any]
_APPLIED = ("inserted", "updated", "unchanged", "superseded")
_UNDECIDED: Row = {
    "state": DeactivationState.NONE,
    "candidates": 0,
    "active": None,  # nothing was looked at
    "reason": None,
    "facts": None,
    "proven": False,
    "deactivated": 0,
}


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What finishing came to: the final status, whose turn it is now, and what the log tells."""

    status: str
    turn: NextWork
    final: Row


@dataclass(frozen=True, slots=True)
class Cancelled(BatchResult):
    """A cancelled batch, with what its chunks had come to."""

    totals: Row


async def finish(
    database: Database, batch_id: UUID, *, limit: float, window_minutes: int, window: InFlightLimit
) -> BatchResult | None:
    """End a batch whose chunks are all settled; None when it is not such a batch (any more)."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        if batch is None or batch["stage"] != "finishing":
            return None
        # It has the turn until it is final, so nothing else writes its pharmacy's products: they are counted before the
        # lock, for which posts of the pharmacy wait.
        totals = await totals_of(connection, batch_id)
        counted = await _count(connection, batch, totals, window_minutes)
        await turns.lock(connection, batch["pharmacy_id"])
        if not await (await connection.execute(_SQL["lock_if_finishing"], {"id": batch_id})).fetchone():
            return None
        if batch["kind"] in KINDS:
            status = await _finish_replay(connection, batch, totals, limit, window_minutes)
        elif batch["kind"] == "load":
            status = await _finish_load(connection, batch, totals, counted, limit)
        else:
            await operations.execute(connection, batch, limit, window_minutes)
            status = await _close(connection, batch, totals, BatchStatus.COMPLETED)
        final = await batches.final(connection, batch_id)
        return BatchResult(status, await turns.grant_next_turn(connection, batch["pharmacy_id"], window), final)


async def cancel(database: Database, batch_id: UUID, *, window_minutes: int, window: InFlightLimit) -> Cancelled | None:
    """Stop a batch: what has been applied stands, the rest never will be; None when it is final already."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        if batch is None:
            return None
        await turns.lock(connection, batch["pharmacy_id"])
        await connection.execute(_SQL["lock_chunks"], {"batch_id": batch_id})
        if not await (await connection.execute(_SQL["lock_unfinished"], {"id": batch_id})).fetchone():
            return None
        await connection.execute(_SQL["cancel_chunks"], {"batch_id": batch_id})
        totals = await totals_of(connection, batch_id)
        status = await _close(connection, batch, totals, BatchStatus.CANCELLED)
        await _undo(connection, batch, window_minutes)
        final = await batches.final(connection, batch_id)
        return Cancelled(status, await turns.grant_next_turn(connection, batch["pharmacy_id"], window), final, totals)


async def _undo(connection: Connection, batch: Row, window_minutes: int) -> None:
    """What was on its way in a cancelled batch waits for a person again."""
    if batch["kind"] == "chunk_replay":
        await replays.reopen_dead_letters(connection, batch["id"])
    elif batch["kind"] not in ("load", *KINDS):
        await operations.cancel(connection, batch, window_minutes)


async def totals_of(connection: Connection, batch_id: UUID) -> Row:
    """What the chunks of a batch came to."""
    totals = await (await connection.execute(_SQL["totals"], {"id": batch_id})).fetchone()
    assert totals is not None
    return totals


async def _close(
    connection: Connection, batch: Row, totals: Row, status: BatchStatus, decision: Row | None = None
) -> str:
    error = _error_of(totals, status)
    final = {"id": batch["id"], "status": status}
    await connection.execute(_SQL["finish"], final | totals | (decision or _UNDECIDED) | error)
    if totals["inserted"]:
        await batches.set_has_products(connection, [batch["pharmacy_id"]])
    return str(status)


def _error_of(totals: Row, status: BatchStatus) -> Row:
    """What the client should know of records that were not applied: the hub's own fault before those of the records."""
    if totals["dead"] and status is not BatchStatus.CANCELLED:
        return {"error_code": "records_not_applied", "error_facts": Jsonb({"dead": totals["dead"]})}
    return {"error_code": error_code_of(status), "error_facts": None}


def error_code_of(status: BatchStatus) -> str | None:
    """Why a batch is FAILED whose chunks were tried and found at fault; None of others."""
    return "nothing_applied" if status is BatchStatus.FAILED else None


def status_of(totals: Row) -> BatchStatus:
    """COMPLETED, PARTIAL_FAIL or FAILED, from what the chunks came to."""
    if not any(totals[name] for name in _APPLIED):
        return BatchStatus.FAILED
    return BatchStatus.PARTIAL_FAIL if totals["rejected"] or totals["dead"] else BatchStatus.COMPLETED


async def _count(connection: Connection, batch: Row, totals: Row, window_minutes: int) -> Row | None:
    """What a whole FULL would deactivate; None of other batches, and of parts."""
    is_full = batch["kind"] == "load" and batch["load_type"] == "full" and status_of(totals) is not BatchStatus.FAILED
    if not is_full or operations.window_of(batch, window_minutes):
        return None
    return await _count_candidates(connection, _asked(batch), sum(totals[name] for name in _APPLIED))


def _asked(batch: Row) -> Row:
    return {"batches": [batch["id"]], "pharmacy_id": batch["pharmacy_id"], "batch_id": batch["id"]}


async def _finish_load(connection: Connection, batch: Row, totals: Row, counted: Row | None, limit: float) -> str:
    status = status_of(totals)
    decision = _UNDECIDED
    if counted is not None:
        decision = await _deactivate(connection, batch, totals, counted, limit)
    elif batch["load_type"] == "full" and status is not BatchStatus.FAILED:
        decision = _UNDECIDED | {"state": DeactivationState.WAITING}
    return await _close(connection, batch, totals, status, decision)


async def _deactivate(connection: Connection, batch: Row, totals: Row, counted: Row, limit: float) -> Row:
    """Apply or hold what a whole FULL no longer has."""
    active = counted["active"] - totals["inserted"] - totals["reactivated"]
    known = operations.evidence(batch, counted["candidates"], active)
    reason = find_hold_reason(known, operations.limit_of(batch, limit))
    judged = counted | {"active": active, "proven": find_doubt(known) is None}
    return await _decided(connection, batch, _asked(batch), judged, reason)


async def _count_candidates(connection: Connection, asked: Row, applied: int) -> Row:
    """`active` products and the `candidates` among them; every product the batch `applied` is active."""
    await connection.execute(_DEACTIVATION["force_hash_antijoin"])
    counted = await (await connection.execute(_DEACTIVATION["count_active"], asked)).fetchone()
    if counted and counted["active"] == applied:
        return counted | {"candidates": 0}
    return await operations.count_candidates(connection, asked)


async def _decided(connection: Connection, batch: Row, asked: Row, judged: Row, reason: HoldReason | None) -> Row:
    await connection.execute(_DEACTIVATION["supersede_held"], batch)
    gone = 0
    if reason is None:
        if judged["candidates"]:
            gone = (await connection.execute(_DEACTIVATION["deactivate_absent"], asked)).rowcount
        await connection.execute(_DEACTIVATION["mark_full_seen"], batch)
    state = DeactivationState.HELD if reason else DeactivationState.APPLIED
    return {
        "state": state if judged["candidates"] else DeactivationState.NONE,
        "candidates": judged["candidates"],
        "active": judged["active"],
        "deactivated": gone,
        "proven": reason is None and judged["proven"],
    } | operations.reason_columns(reason)


async def _finish_replay(connection: Connection, batch: Row, totals: Row, limit: float, window_minutes: int) -> str:
    status = status_of(totals)
    decision = _UNDECIDED
    if batch["kind"] == "replay" and batch["load_type"] == "full" and status is not BatchStatus.FAILED:
        in_parts = operations.window_of(batch, window_minutes) > 0
        decision = await _deactivate_replayed(connection, batch, totals, limit, in_parts=in_parts)
    return await _close(connection, batch, totals, status, decision)


async def _deactivate_replayed(connection: Connection, batch: Row, totals: Row, limit: float, *, in_parts: bool) -> Row:
    """Of the newest batch, when it is whole: as any FULL. Else held: what other batches have is not in it."""
    loads = await operations.loads_since(connection, batch, batch["origin_seq"])
    present = {*(load["id"] for load in loads), batch["id"]}
    asked = {"batches": list(present), "pharmacy_id": batch["pharmacy_id"], "batch_id": batch["id"]}
    await connection.execute(_DEACTIVATION["force_hash_antijoin"])
    counted = await operations.count_candidates(connection, asked)
    active = counted["active"] - totals["inserted"] - totals["reactivated"]
    known = operations.evidence(batch, counted["candidates"], active)
    reason = find_hold_reason(known, operations.limit_of(batch, limit))
    is_sure = not in_parts and await replays.is_newest(connection, batch)
    if counted["candidates"] and not is_sure:
        reason = HoldReason("replayed", {"candidates": counted["candidates"], "received_seq": batch["origin_seq"]})
    # In the pharmacy's order the replay stands where its batch stood.
    placed = batch | {"received_seq": batch["origin_seq"]}
    judged = counted | {"active": active, "proven": is_sure and find_doubt(known) is None}
    return await _decided(connection, placed, asked, judged, reason)
