"""Reads of the pages of pharmacies: the list, freshness, refusals, keys, rejections, what was done."""

from collections.abc import Sequence
from datetime import datetime

from integrahub.db.console.pharmacies_rows import (
    FailedRun,
    HeldDeactivation,
    LatestLoad,
    PageFigures,
    PharmacyAct,
    PharmacyKey,
    PharmacyRefusal,
    PharmacySummary,
    RejectedRecords,
    Rejection,
    RhythmCount,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one

_SQL = load_queries(__name__)
MAX_LISTED_PHARMACIES = 20_000
MAX_LOADS = 20
MAX_HELD = 10
MAX_KEYS = 100
MAX_REFUSAL_ROWS = 100
MAX_ACTS = 20
# Codes of posts whose sender the hub cannot know.
_UNATTRIBUTED = ("key_missing", "key_malformed", "key_invalid")


async def fetch_overview(database: Database) -> list[PharmacySummary]:
    """Return all pharmacies by CNPJ, at most 20,000."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["overview"], {"limit": MAX_LISTED_PHARMACIES}, PharmacySummary)


async def count_rejected(database: Database) -> dict[int, int]:
    """Return the records rejected in seven days by pharmacy, of those that have any."""
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["rejected"], None, RejectedRecords)
    return {row.pharmacy_id: row.records for row in rows}


async def fetch_page_figures(database: Database, pharmacy_ids: Sequence[int]) -> dict[int, PageFigures]:
    """Return the figures of the pharmacies of one page, by id."""
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["page_figures"], {"ids": list(pharmacy_ids)}, PageFigures)
    return {row.id: row for row in rows}


async def count_rhythm(database: Database, pharmacy_id: int) -> RhythmCount:
    """Count how often a pharmacy posts, over its latest 50 posts."""
    async with database.transaction() as connection:
        rhythm = await fetch_one(connection, _SQL["rhythm"], {"id": pharmacy_id}, RhythmCount)
    assert rhythm is not None  # an aggregate returns one row
    return rhythm


async def fetch_latest_loads(database: Database, pharmacy_id: int) -> list[LatestLoad]:
    """Return the latest batches of a pharmacy, newest first."""
    async with database.transaction() as connection:
        params = {"id": pharmacy_id, "limit": MAX_LOADS}
        return await fetch_all(connection, _SQL["latest_loads"], params, LatestLoad)


async def find_failed_run(database: Database, pharmacy_id: int) -> FailedRun | None:
    """Return the latest loads that all failed, or None if the latest final one did not."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["failed_loads"], {"id": pharmacy_id}, FailedRun)


async def fetch_held(database: Database, pharmacy_id: int) -> list[HeldDeactivation]:
    """Return the held deactivations of a pharmacy, oldest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["held"], {"id": pharmacy_id, "limit": MAX_HELD}, HeldDeactivation)


async def fetch_keys(database: Database, cnpj: str) -> list[PharmacyKey]:
    """Return the keys that may post for a pharmacy, or could until they ended; the active ones first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["keys"], {"cnpj": cnpj, "limit": MAX_KEYS}, PharmacyKey)


async def fetch_refusals(
    database: Database, cnpj: str, keys: Sequence[PharmacyKey], since: datetime
) -> list[PharmacyRefusal]:
    """Return refused posts since an hour that name the pharmacy or one of its keys, the latest first."""
    params = {
        "cnpj": cnpj,
        "own_keys": [key.name for key in keys if not key.is_shared],
        "shared_keys": [key.name for key in keys if key.is_shared],
        "since": since.replace(minute=0, second=0, microsecond=0),
        "limit": MAX_REFUSAL_ROWS,
    }
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["refusals"], params, PharmacyRefusal)


async def fetch_unattributed_refusals(database: Database) -> list[PharmacyRefusal]:
    """Return posts of the last 24 hours that name neither a CNPJ nor a key of this hub, the latest first."""
    params = {"codes": list(_UNATTRIBUTED), "limit": MAX_REFUSAL_ROWS}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["unattributed_refusals"], params, PharmacyRefusal)


async def fetch_rejections(database: Database, pharmacy_id: int) -> list[Rejection]:
    """Return the rejected records of the latest loads of 7 days by code and field, the most frequent first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["rejections"], {"id": pharmacy_id}, Rejection)


async def fetch_acts(database: Database, subjects: Sequence[str]) -> list[PharmacyAct]:
    """Return what was done to a pharmacy and its keys, the latest first."""
    async with database.transaction() as connection:
        params = {"subjects": list(subjects), "limit": MAX_ACTS}
        return await fetch_all(connection, _SQL["acts"], params, PharmacyAct)
