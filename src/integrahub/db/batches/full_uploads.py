"""Rows of `full_uploads`: parts of FULLs on their way, for which a window stays open."""

from uuid import UUID

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.tenancy import TenantContext

_SQL = load_queries(__name__)


async def start(database: Database, pharmacy_id: int, batch_id: UUID, age: float, window_minutes: int) -> bool:
    """Note an upload whose first byte came `age` seconds ago; False where every FULL is whole."""
    values = {"id": batch_id, "pharmacy_id": pharmacy_id, "age": age, "window": window_minutes}
    async with database.within(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        return await (await connection.execute(_SQL["start_if_windowed"], values)).fetchone() is not None


async def renew(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    """Say that the upload goes on."""
    async with database.within(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        await connection.execute(_SQL["renew"], {"id": batch_id})


async def finish(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    """Say that the upload ended."""
    async with database.within(TenantContext(ids=(pharmacy_id,))).transaction() as connection:
        await connection.execute(_SQL["finish"], {"id": batch_id})


async def prune(connection: Connection) -> None:
    """Delete uploads that ended or vanished."""
    await connection.execute(_SQL["prune"])
