"""Running uploads of FULLs that come in parts. While one runs, the window of its pharmacy stays open."""

from uuid import UUID

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.tenancy import TenantContext

_SQL = load_queries(__name__)


async def start(database: Database, pharmacy_id: int, batch_id: UUID, age: float, window_minutes: int) -> bool:
    """Register an upload whose first byte came `age` seconds ago. Return False if FULLs never come in parts."""
    params = {"id": batch_id, "pharmacy_id": pharmacy_id, "age": age, "window": window_minutes}
    async with database.for_tenants(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        return await fetch_value(connection, _SQL["start_if_windowed"], params, UUID) is not None


async def renew(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    """Record that the upload is still running."""
    async with database.for_tenants(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        await connection.execute(_SQL["renew"], {"id": batch_id})


async def finish(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    """Record that the upload has ended."""
    async with database.for_tenants(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        await connection.execute(_SQL["finish"], {"id": batch_id})


async def prune(connection: Connection) -> None:
    """Delete uploads that have ended or were not renewed."""
    await connection.execute(_SQL["prune"])
