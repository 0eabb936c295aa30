"""The backlog: records waiting in the database. Scaling, alerts and refusals use these figures."""

from collections import Counter

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.resilience.backlog import ESTIMATED_RECORD_BYTES

_SQL = load_queries(__name__)


async def by_step(database: Database) -> dict[str, int]:
    """Step (`split`, `upsert`) -> records that wait for it."""
    found = Counter({"split": 0, "upsert": 0})
    for (_, step), records in (await _waiting(database)).items():
        found[step] += records
    return dict(found)


async def by_pharmacy(database: Database) -> dict[int, int]:
    """Pharmacy id -> its records that wait, whatever for; pharmacies without any are left out."""
    found: Counter[int] = Counter()
    for (pharmacy_id, _), records in (await _waiting(database)).items():
        found[pharmacy_id] += records
    return dict(found)


async def _waiting(database: Database) -> dict[tuple[int, str], int]:
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["count_waiting"], {"estimate": ESTIMATED_RECORD_BYTES})).fetchall()
    return {(row["pharmacy_id"], row["step"]): int(row["records"]) for row in rows}
