"""Reconciliation: counts of the same records made apart must agree; where they do not, records are unaccounted for."""

from typing import Any

from integrahub.db.database import Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def reconcile(database: Database) -> list[Row]:
    """Batches that do not add up, with how many records; the sum is kept for `latest`."""
    async with database.transaction() as connection:
        found = await (await connection.execute(_SQL["unaccounted"])).fetchall()
        await connection.execute(_SQL["save"], {"unaccounted": sum(row["records"] for row in found)})
    return found


async def latest(database: Database) -> Row | None:
    """`unaccounted` records of the latest reconciliation, and its `age` in seconds; None before the first."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["latest"])).fetchone()
