"""Events that no batch causes: silent pharmacies, expiring keys, disabled endpoints."""

from uuid import UUID

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.domain.webhooks.events import EventType

_SQL = load_queries(__name__)
KEY_WARNING_DAYS = 14  # before a key expires


async def insert_disabled(connection: Connection, endpoint_id: UUID) -> None:
    """Insert the event that an endpoint was disabled, in the transaction that disabled it."""
    await connection.execute(_SQL["insert_disabled"], {"endpoint_id": endpoint_id})


async def insert_silences(database: Database) -> None:
    """Insert the events of pharmacies that have fallen silent, or posted again, since the last run."""
    events = [EventType.PHARMACY_SILENT, EventType.PHARMACY_HEARD]
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        if not await fetch_value(connection, _SQL["has_listener"], {"events": events}, bool):
            await connection.execute(_SQL["forget_silences"])
            return
        for changed in (_SQL["insert_silent"], _SQL["insert_heard"]):
            await connection.execute(changed + " " + _SQL["insert_events"])


async def insert_expiring_keys(database: Database) -> None:
    """Insert an event for each key that expires soon."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        await connection.execute(_SQL["insert_expiring"], {"days": KEY_WARNING_DAYS})
