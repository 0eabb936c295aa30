"""Products that a FULL does not contain: those that its deactivation switched off, or that its approval would."""

from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.batches import deactivation
from integrahub.db.batches.report_rows import AbsentProduct, DeactivationReport
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one
from integrahub.domain.batches import BatchKind, DeactivationState

_SQL = load_queries(__name__)
_APPLIED = (DeactivationState.APPLIED, DeactivationState.APPROVED)


async def find_deactivation(database: Database, batch_id: UUID) -> DeactivationReport | None:
    """Return the deactivation of a batch, or None for an unknown batch."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["deactivation"], {"batch_id": batch_id}, DeactivationReport)


async def page(
    database: Database, report: DeactivationReport, after: int, limit: int, *, in_stock: bool | None
) -> list[AbsentProduct]:
    """Return products in the order of their ids, after the product `after`; none if nothing is held or applied."""
    params = asdict(report) | {"after": after, "limit": limit, "in_stock": in_stock}
    async with database.transaction() as connection:
        if report.state is DeactivationState.HELD:
            return await _find_by_ids(connection, params, await _list_held_ids(connection, params))
        if report.state not in _APPLIED:
            return []
        statement = _SQL["rehearsed"] if report.kind is BatchKind.DRY_RUN else _SQL["applied"]
        return await fetch_all(connection, statement, params, AbsentProduct)


async def list_held_ids(database: Database, report: DeactivationReport, *, in_stock: bool | None) -> list[int]:
    """Return the ids of all products that the approval of a held deactivation would switch off now, in order."""
    params = asdict(report) | {"after": 0, "limit": None, "in_stock": in_stock}
    async with database.transaction() as connection:
        return await _list_held_ids(connection, params)


async def find_by_ids(database: Database, report: DeactivationReport, ids: list[int]) -> list[AbsentProduct]:
    """Return products of the pharmacy, in the order of their ids."""
    async with database.transaction() as connection:
        return await _find_by_ids(connection, asdict(report), ids)


async def _list_held_ids(connection: Connection, params: dict[str, object]) -> list[int]:
    await deactivation.force_plan(connection)
    return await fetch_column(connection, _SQL["held"], params, int)


async def _find_by_ids(connection: Connection, params: dict[str, object], ids: list[int]) -> list[AbsentProduct]:
    return await fetch_all(connection, _SQL["by_ids"], params | {"ids": ids}, AbsentProduct)
