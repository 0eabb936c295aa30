"""Retention of webhooks: delete deliveries with their attempts, then endpoints that their owners deleted."""

from uuid import UUID

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_column

_SQL = load_queries(__name__)
DELIVERY_RETENTION_DAYS = 30


async def delete_old(database: Database, limit: int) -> int:
    """Delete up to `limit` deliveries that are old enough; return how many."""
    params = {"days": DELIVERY_RETENTION_DAYS, "limit": limit}
    async with database.transaction() as connection:
        return len(await fetch_column(connection, _SQL["delete_old"], params, UUID))


async def delete_endpoints(database: Database) -> None:
    """Delete endpoints that their owners deleted and whose deliveries are deleted."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["delete_endpoints"], {"days": DELIVERY_RETENTION_DAYS})
