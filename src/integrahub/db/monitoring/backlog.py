"""The backlog: records that wait in the database. The autoscaler, alerts and admission control use it."""

from collections import Counter

from integrahub.db.database import Database
from integrahub.db.monitoring.rows import StepBacklog
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all
from integrahub.resilience.backlog import ESTIMATED_RECORD_BYTES

_SQL = load_queries(__name__)


async def by_step(database: Database) -> dict[str, int]:
    """Return the number of records that wait for each step (`split`, `upsert`)."""
    totals = Counter({"split": 0, "upsert": 0})
    for row in await _count_waiting(database):
        totals[row.step] += row.records
    return dict(totals)


async def by_pharmacy(database: Database) -> dict[int, int]:
    """Return the number of records that wait for any step, by pharmacy id; pharmacies without any are left out."""
    totals: Counter[int] = Counter()
    for row in await _count_waiting(database):
        totals[row.pharmacy_id] += row.records
    return dict(totals)


async def _count_waiting(database: Database) -> list[StepBacklog]:
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["count_waiting"], {"estimate": ESTIMATED_RECORD_BYTES}, StepBacklog)
