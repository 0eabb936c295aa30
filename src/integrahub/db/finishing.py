"""The end of a batch: totals, deactivation, status, and the turn passes - one transaction."""

from typing import Any
from uuid import UUID, uuid4

from integrahub.db import batches, chunks
from integrahub.db.loader import blocks
from integrahub.db.pool import Connection, Database
from integrahub.domain.batches import BatchStatus, Deactivation
from integrahub.domain.deactivation import Evidence, hold_reason

_BATCHES = blocks("batches")
_PRODUCTS = blocks("products")
Row = dict[str, Any]
_APPLIED = ("inserted", "updated", "unchanged")


class Ended:
    """What finishing came to: the status, and the chunks of the next batch to announce."""

    def __init__(self, status: str, ready: list[Row]) -> None:
        self.status = status
        self.ready = ready


async def finish(database: Database, batch_id: UUID, *, limit: float, window_minutes: int, window: int) -> Ended | None:
    """End a batch whose chunks are all settled; None when it is not such a batch (any more)."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        if batch is None:
            return None
        await batches.lock_turn(connection, batch["pharmacy_id"])
        if not await (await connection.execute(_BATCHES["lock_if_finishing"], {"id": batch_id})).fetchone():
            return None
        if batch["kind"] == "load":
            status = await _finish_load(connection, batch, limit, window_minutes)
        else:
            status = await _finish_operation(connection, batch, limit)
        return Ended(status, await _pass_on(connection, batch["pharmacy_id"], window))


async def _pass_on(connection: Connection, pharmacy_id: int, window: int) -> list[Row]:
    passed = await batches.pass_turn(connection, pharmacy_id)
    return await chunks.announce_next(connection, passed[0], window) if passed else []


async def _totals(connection: Connection, batch: Row) -> Row:
    totals = await (await connection.execute(_BATCHES["totals"], {"id": batch["id"]})).fetchone()
    assert totals is not None
    return totals


def status_of(totals: Row) -> BatchStatus:
    """COMPLETED, PARTIAL_FAIL or FAILED, from what the chunks came to."""
    if not any(totals[name] for name in _APPLIED):
        return BatchStatus.FAILED
    return BatchStatus.PARTIAL_FAIL if totals["rejected"] or totals["dead"] else BatchStatus.COMPLETED


async def _finish_load(connection: Connection, batch: Row, limit: float, window_minutes: int) -> str:
    totals = await _totals(connection, batch)
    status = status_of(totals)
    decision: Row = {"state": Deactivation.NONE, "candidates": 0, "active": 0, "reason": None, "deactivated": 0}
    if batch["load_type"] == "full" and status is not BatchStatus.FAILED:
        minutes = window_minutes if batch["full_window_minutes"] is None else batch["full_window_minutes"]
        if minutes:
            decision["state"] = Deactivation.WAITING
        else:
            decision = await _deactivate(connection, batch, totals, limit)
    failed = status is BatchStatus.FAILED
    error = {
        "error_code": "nothing_applied" if failed else None,
        "error_message": "No record could be applied; see the report of errors." if failed else None,
    }
    await connection.execute(_BATCHES["finish"], {"id": batch["id"], "status": status} | totals | decision | error)
    return str(status)


async def _deactivate(connection: Connection, batch: Row, totals: Row, limit: float) -> Row:
    """Apply or hold what a whole FULL no longer has."""
    asked = {"batches": [batch["id"]], "pharmacy_id": batch["pharmacy_id"], "batch_id": batch["id"]}
    counted = await (await connection.execute(_PRODUCTS["count_candidates"], asked)).fetchone()
    assert counted is not None
    active = counted["active"] - totals["inserted"] - totals["reactivated"]
    reason = hold_reason(_evidence(batch, counted["candidates"], active), _limit_of(batch, limit))
    await connection.execute(_BATCHES["supersede_held"], batch)
    gone = 0
    if reason is None:
        await connection.execute(_BATCHES["mark_full_seen"], batch)
        gone = (
            (await connection.execute(_PRODUCTS["deactivate_absent"], asked)).rowcount if counted["candidates"] else 0
        )
    state = Deactivation.HELD if reason else Deactivation.APPLIED
    return {
        "state": state if counted["candidates"] else Deactivation.NONE,
        "candidates": counted["candidates"],
        "active": active,
        "reason": reason,
        "deactivated": gone,
    }


def _limit_of(batch: Row, limit: float) -> float:
    return limit if batch["deactivation_limit"] is None else float(batch["deactivation_limit"])


def _evidence(batch: Row, candidates: int, active: int) -> Evidence:
    return Evidence(
        candidates=candidates,
        active=active,
        unreadable_ids=batch["unreadable_ids"],
        is_array=batch["media_type"] == "application/json",
        claimed=batch["item_count_claimed"],
        received=batch["items_total"] or 0,
    )


async def _finish_operation(connection: Connection, operation: Row, limit: float) -> str:
    """Carry out an approval, or the deactivation of a FULL that came in parts."""
    parent = await batches.find(connection, operation["parent_id"])
    assert parent is not None
    later = await connection.execute(
        _PRODUCTS["later_loads"], {"pharmacy_id": parent["pharmacy_id"], "after": parent["received_seq"]}
    )
    present = [parent["id"], *(row["id"] for row in await later.fetchall())]
    asked = {"batches": present, "pharmacy_id": parent["pharmacy_id"], "batch_id": operation["id"]}
    gone = 0
    if parent["deactivation_state"] == Deactivation.HELD:
        gone = (await connection.execute(_PRODUCTS["deactivate_absent"], asked)).rowcount
        approved = {"id": parent["id"], "state": Deactivation.APPROVED, "deactivated": gone}
        await connection.execute(_BATCHES["decide_held"], approved)
    totals = await _totals(connection, operation)
    nothing = {"state": Deactivation.NONE, "candidates": gone, "active": 0, "reason": None, "deactivated": gone}
    final = {"id": operation["id"], "status": BatchStatus.COMPLETED, "error_code": None, "error_message": None}
    await connection.execute(_BATCHES["finish"], final | totals | nothing)
    return BatchStatus.COMPLETED


async def approve(database: Database, batch_id: UUID) -> bool:
    """Queue the deactivation a person approved, under its own number; False when nothing is held."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        if batch is None:
            return False
        await batches.lock_turn(connection, batch["pharmacy_id"])
        again = await batches.find(connection, batch_id)
        if again is None or again["deactivation_state"] != Deactivation.HELD:
            return False
        number = await (await connection.execute(_BATCHES["take_number"], batch)).fetchone()
        assert number is not None
        operation = {"id": uuid4(), "kind": "approval", "parent_id": batch_id, "received_seq": number["last_seq"]}
        await connection.execute(_BATCHES["insert_operation"], batch | operation)
        await batches.pass_turn(connection, batch["pharmacy_id"])
    return True


async def reject(database: Database, batch_id: UUID) -> bool:
    """Leave everything active, as a person decided; False when nothing is held."""
    async with database.transaction() as connection:
        values = {"id": batch_id, "state": Deactivation.REJECTED, "deactivated": 0}
        return await (await connection.execute(_BATCHES["decide_held"], values)).fetchone() is not None


async def cancel(database: Database, batch_id: UUID, window: int) -> Ended | None:
    """Stop a batch: what has been applied stands, the rest never will be; None when it is final already."""
    async with database.transaction() as connection:
        batch = await batches.find(connection, batch_id)
        if batch is None:
            return None
        await batches.lock_turn(connection, batch["pharmacy_id"])
        await connection.execute(blocks("batch_chunks")["lock_all"], {"batch_id": batch_id})
        if not await (await connection.execute(_BATCHES["lock_unfinished"], {"id": batch_id})).fetchone():
            return None
        await connection.execute(blocks("batch_chunks")["cancel_all"], {"batch_id": batch_id})
        nothing = {"state": Deactivation.NONE, "candidates": 0, "active": 0, "reason": None, "deactivated": 0}
        final = {"id": batch_id, "status": BatchStatus.CANCELLED, "error_code": None, "error_message": None}
        await connection.execute(_BATCHES["finish"], final | await _totals(connection, batch) | nothing)
        return Ended(BatchStatus.CANCELLED, await _pass_on(connection, batch["pharmacy_id"], window))
