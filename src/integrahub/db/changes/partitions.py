"""Partitions of the record of changes: made ahead, and dropped when the last of their days has been kept."""

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.schema.migrate import PARTITION_DAYS_AHEAD

_SQL = load_queries(__name__)


async def make_ahead(database: Database) -> int:
    """Make the missing partitions of the coming week; return how many."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["make_ahead"], {"days": PARTITION_DAYS_AHEAD}, int) or 0


async def drop_expired(database: Database, history_days: int, stock_history_days: int) -> int:
    """Drop one partition whose days are over; return 0 if there is none, or if writers hold the table too long."""
    params = {"history_days": history_days, "stock_history_days": stock_history_days}
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["drop_expired"], params, int) or 0
