"""How far the record of changes reaches back."""

from integrahub.db.changes.rows import KeptSince
from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one

_SQL = load_queries(__name__)


async def kept_since(connection: Connection) -> KeptSince:
    """Return since when each kind of change is complete. A kind of which no day was removed yet may have no date."""
    kept = await fetch_one(connection, _SQL["kept_since"], None, KeptSince)
    assert kept is not None
    return kept
