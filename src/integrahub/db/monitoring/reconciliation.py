"""Reconciliation: counts of the same records, taken at different places, must agree."""

from integrahub.db.database import Database
from integrahub.db.monitoring.rows import Unaccounted
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value

_SQL = load_queries(__name__)


async def reconcile(database: Database) -> list[Unaccounted]:
    """Return the batches whose counts differ, and save the sum of the differences."""
    async with database.transaction() as connection:
        batches = await fetch_all(connection, _SQL["unaccounted"], None, Unaccounted)
        await connection.execute(_SQL["save"], {"unaccounted": sum(batch.records for batch in batches)})
    return batches


async def find_latest(database: Database) -> int | None:
    """Return the sum that the latest reconciliation saved, or None if there was none."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["find_latest"], None, int)
