"""Estimates of completion: what they need, and how far they were from the end of their batches."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one
from integrahub.domain.views.estimate import BatchPace, estimate_completion

_SQL = load_queries(__name__)


class EstimateErrors(msgspec.Struct, frozen=True):
    """Errors of the estimates of the last day, as shares of the time that was left; None without any."""

    median: float | None
    ninth_decile: float | None


class _FleetRate(msgspec.Struct, frozen=True):
    rate: float | None


async def find_paces(database: Database, ids: Sequence[UUID]) -> dict[UUID, BatchPace]:
    """Return what the estimates of these batches need; nothing for a batch that is final or not split."""
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["find_paces"], {"ids": list(ids)}, BatchPace)
    return {row.batch_id: row for row in rows}


async def find_fleet_rate(database: Database) -> float | None:
    """Return the records per second of batches of late, of all pharmacies; None if there were none."""
    async with database.transaction() as connection:
        row = await fetch_one(connection, _SQL["fleet_rate"], None, _FleetRate)
    return row.rate if row else None


async def record_due(database: Database) -> None:
    """Record an estimate of each batch of which a tenth is done, and compare those of final batches."""
    async with database.transaction() as connection:
        due = await fetch_column(connection, _SQL["without_estimate"], None, UUID)
    paces = await find_paces(database, due) if due else {}
    rate = await find_fleet_rate(database) if paces else None
    rows = [
        {"batch_id": pace.batch_id, "made_at": pace.now, "estimated_at": estimate.at}
        for pace in paces.values()
        if (estimate := estimate_completion(pace, rate))
    ]
    async with database.transaction() as connection:
        await connection.cursor().executemany(_SQL["record"], rows)
        await connection.execute(_SQL["compare"])
        await connection.execute(_SQL["delete_old"])


async def find_errors(database: Database) -> EstimateErrors:
    """Return the errors of the estimates of the last day."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["errors"], None, EstimateErrors) or EstimateErrors(None, None)
