"""The history of one product."""

from uuid import UUID

from integrahub.db.changes.kept import kept_since
from integrahub.db.changes.rows import HistoryRow, KeptSince, KeyId
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all
from integrahub.domain.products import MAX_PRODUCT_ID

_SQL = load_queries(__name__)


async def read_history(
    database: Database, pharmacy_id: int, product_id: int, before: int | None, limit: int
) -> tuple[list[HistoryRow], KeptSince]:
    """Return changes of a product, newest first and before the number `before`, and since when they are complete."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id, "limit": limit}
    params["before"] = MAX_PRODUCT_ID if before is None else before
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["history"], params, HistoryRow)
        # Read after the changes: what retention removes meanwhile must not count as complete.
        return rows, await kept_since(connection)


async def public_key_ids(database: Database, rows: list[HistoryRow]) -> dict[UUID, str]:
    """Return the public ids of the keys that posted the batches, by id. The database must show all tenants."""
    ids = {row.api_key_id for row in rows if row.api_key_id}
    if not ids:
        return {}
    async with database.transaction() as connection:
        keys = await fetch_all(connection, _SQL["key_ids"], {"ids": list(ids)}, KeyId)
    return {key.id: key.public_id for key in keys}
