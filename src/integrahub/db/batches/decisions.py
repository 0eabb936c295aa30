"""Later operations on a batch that is final: an approved deactivation, and the end of a FULL that came in parts.

Each takes its own number and turn, like a batch, so that it has one place in the pharmacy's order.
"""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.batches import full_uploads, turns
from integrahub.db.batches import split_claims as batches
from integrahub.db.batches.turns import NextWork
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.domain.batches import BatchStatus, DeactivationState
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.deactivation import DeactivationEvidence, HoldReason, find_doubt, find_hold_reason
from integrahub.domain.ids import uuid7

_SQL = load_queries(__name__)
_DEACTIVATION = load_queries("integrahub.db.batches.deactivation")
Row = dict[str, Any]


async def approve(database: Database, batch_id: UUID, window: InFlightLimit) -> NextWork | None:
    """Queue the deactivation a person approved; None when nothing is held, or it is queued already."""
    async with database.transaction() as connection:
        batch = await _lock_held(connection, batch_id)
        if batch is None or await _is_pending(connection, batch_id):
            return None
        return await _queue_operation(connection, batch, "approval", window)


async def reject(database: Database, batch_id: UUID) -> bool:
    """Leave everything active, as a person decided; False when nothing is held, or an approval is queued."""
    async with database.transaction() as connection:
        if await _lock_held(connection, batch_id) is None or await _is_pending(connection, batch_id):
            return False
        values = {"id": batch_id, "state": DeactivationState.REJECTED, "deactivated": 0}
        return await (await connection.execute(_SQL["decide_if_held"], values)).fetchone() is not None


async def _lock_held(connection: Connection, batch_id: UUID) -> Row | None:
    """The batch with a held deactivation, its pharmacy's turn locked."""
    batch = await batches.find(connection, batch_id)
    if batch is None:
        return None
    await turns.lock(connection, batch["pharmacy_id"])
    batch = await batches.find(connection, batch_id)
    return batch if batch and batch["deactivation_state"] == DeactivationState.HELD else None


async def _is_pending(connection: Connection, batch_id: UUID) -> bool:
    return await (await connection.execute(_SQL["pending_operation"], {"id": batch_id})).fetchone() is not None


async def _queue_operation(connection: Connection, parent: Row, kind: str, window: InFlightLimit) -> NextWork:
    number = await turns.next_received_seq(connection, parent["pharmacy_id"])
    operation = {"id": uuid7(), "kind": kind, "parent_id": parent["id"], "received_seq": number}
    await connection.execute(_SQL["insert_operation"], operation | {"pharmacy_id": parent["pharmacy_id"]})
    return await turns.grant_next_turn(connection, parent["pharmacy_id"], window)


async def close_windows(database: Database, window_minutes: int, window: InFlightLimit) -> list[NextWork]:
    """Queue the end of every FULL in parts whose window has been quiet long enough."""
    asked: Row = {"window": window_minutes, "pharmacy_id": None}
    async with database.transaction() as connection:
        await full_uploads.prune(connection)
        closed = await (await connection.execute(_SQL["closed_windows"], asked)).fetchall()
    passed = []
    for found in closed:
        async with database.transaction() as connection:
            await turns.lock(connection, found["pharmacy_id"])
            again = asked | {"pharmacy_id": found["pharmacy_id"]}
            last = await (await connection.execute(_SQL["closed_windows"], again)).fetchone()
            if last:
                passed.append(await _queue_operation(connection, last, "window", window))
    return passed


async def execute(connection: Connection, operation: Row, limit: float, window_minutes: int) -> None:
    """Do what was queued, when it is still asked for; the operation has the turn."""
    parent = await batches.find(connection, operation["parent_id"])
    assert parent is not None
    await connection.execute(_DEACTIVATION["force_hash_antijoin"])
    if operation["kind"] == "approval" and parent["deactivation_state"] == DeactivationState.HELD:
        await _approved(connection, parent, operation)
    if operation["kind"] == "window" and parent["deactivation_state"] == DeactivationState.WAITING:
        await _close_window(connection, parent, operation, limit, window_minutes)


async def cancel(connection: Connection, operation: Row, window_minutes: int) -> None:
    """Leave the end of a FULL in parts to a person, when its operation is cancelled; it is not queued again."""
    parent = await batches.find(connection, operation["parent_id"])
    assert parent is not None
    if operation["kind"] == "window" and parent["deactivation_state"] == DeactivationState.WAITING:
        await connection.execute(_DEACTIVATION["force_hash_antijoin"])
        cancelled = HoldReason("window_cancelled", {})
        await _close_window(connection, parent, operation, 0.0, window_minutes, cancelled)


async def _approved(connection: Connection, parent: Row, operation: Row) -> None:
    first = parent["full_from_seq"] or parent["origin_seq"] or parent["received_seq"]
    asked = _absent_from(operation, await loads_since(connection, operation, first))
    gone = (await connection.execute(_DEACTIVATION["deactivate_absent"], asked)).rowcount
    seen = {"pharmacy_id": parent["pharmacy_id"], "received_seq": first}
    await connection.execute(_DEACTIVATION["mark_full_seen"], seen)
    decision = {"id": parent["id"], "state": DeactivationState.APPROVED, "deactivated": gone}
    await connection.execute(_SQL["decide_if_held"], decision)


async def _close_window(
    connection: Connection,
    last: Row,
    operation: Row,
    limit: float,
    window_minutes: int,
    reason: HoldReason | None = None,
) -> None:
    """Deactivate what no part has, or hold that; for the `reason` given, if any."""
    wanted = {"pharmacy_id": last["pharmacy_id"], "minutes": window_of(last, window_minutes)}
    wanted["until"] = operation["received_seq"]
    parts = await (await connection.execute(_SQL["full_window_parts"], wanted)).fetchall()
    loads = await loads_since(connection, operation, parts[0]["received_seq"])
    asked = _absent_from(operation, loads)
    counted = await count_candidates(connection, asked)
    active = counted["active"] - sum(load["inserted"] + load["reactivated"] for load in loads)
    known = evidence(last, counted["candidates"], active)
    uncertain = _uncertain(parts)
    if counted["candidates"]:
        reason = reason or uncertain or find_hold_reason(known, limit_of(last, limit))
    gone = 0
    if reason is None:
        gone = (await connection.execute(_DEACTIVATION["deactivate_absent"], asked)).rowcount
        await connection.execute(_DEACTIVATION["mark_full_seen"], parts[0] | {"pharmacy_id": last["pharmacy_id"]})
    state = DeactivationState.HELD if reason else DeactivationState.APPLIED if gone else DeactivationState.NONE
    decision = {"id": last["id"], "state": state, "deactivated": gone, "active": active} | reason_columns(reason)
    told = decision | {"candidates": counted["candidates"], "first": parts[0]["received_seq"]}
    told["proven"] = reason is None and uncertain is None
    await connection.execute(_SQL["decide_if_waiting"], told)
    await connection.execute(_DEACTIVATION["supersede_held"], last)


async def count_candidates(connection: Connection, asked: Row) -> Row:
    """The pharmacy's `active` products, and the `candidates` among them; the plan is pinned already."""
    counted = await (await connection.execute(_DEACTIVATION["count_candidates"], asked)).fetchone()
    assert counted is not None
    return counted


async def loads_since(connection: Connection, decided: Row, first: int) -> list[Row]:
    """The loads from a number on, and the replays that count among them, none received after what is `decided` now."""
    asked = {"pharmacy_id": decided["pharmacy_id"], "first": first, "until": decided["received_seq"]}
    return await (await connection.execute(_DEACTIVATION["later_loads"], asked)).fetchall()


def _absent_from(operation: Row, loads: list[Row]) -> Row:
    present = [load["id"] for load in loads]
    return {"batches": present, "pharmacy_id": operation["pharmacy_id"], "batch_id": operation["id"]}


def _uncertain(parts: list[Row]) -> HoldReason | None:
    """Why products that no part of a FULL has may be in it nevertheless."""
    for part in parts:
        if part["status"] in (BatchStatus.FAILED, BatchStatus.CANCELLED):
            return HoldReason("part_failed", {"status": part["status"], "batch_id": str(part["id"])})
    return next((found for part in parts if (found := find_doubt(evidence(part, 0, 0)))), None)


def reason_columns(reason: HoldReason | None) -> Row:
    """The columns of a reason."""
    return {"reason": reason.code, "facts": Jsonb(reason.facts)} if reason else {"reason": None, "facts": None}


def limit_of(batch: Row, limit: float) -> float:
    """The share of the active products a FULL may deactivate: the pharmacy's own, else the hub's."""
    return limit if batch["deactivation_limit"] is None else float(batch["deactivation_limit"])


def window_of(batch: Row, minutes: int) -> int:
    """Quiet minutes that complete a FULL in parts, 0 when every FULL is whole: the pharmacy's own, else the hub's."""
    return minutes if batch["full_window_minutes"] is None else int(batch["full_window_minutes"])


def evidence(batch: Row, candidates: int, active: int) -> DeactivationEvidence:
    """What is known of a FULL when its deactivation is decided."""
    return DeactivationEvidence(
        candidates=candidates,
        active=active,
        unreadable_ids=batch["unreadable_ids"],
        is_array=batch["media_type"] == "application/json",
        claimed=batch["item_count_claimed"],
        received=batch["items_total"] or 0,
    )
