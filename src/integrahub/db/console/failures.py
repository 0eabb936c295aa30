"""Reads of the pages of failures: causes, their letters, and what a replay by filter would take."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.db.console.failures_rows import (
    MAX_COUNTED_LETTERS,
    Cause,
    CauseFilters,
    CauseLetter,
    CausePosition,
    HourCount,
    LetterFilters,
    LettersOfPharmacy,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value

_SQL = load_queries(__name__)


async def list_causes(
    database: Database, filters: CauseFilters, after: CausePosition | None, limit: int
) -> list[Cause]:
    """Return up to `limit` causes, the latest first."""
    params = asdict(filters) | {"counted": MAX_COUNTED_LETTERS, "limit": limit}
    params |= {"before": after and after.last_seen, "before_fingerprint": after and after.fingerprint}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["causes"], params, Cause)


async def find_cause(database: Database, fingerprint: str) -> Cause | None:
    """Return one cause."""
    params = {"fingerprint": fingerprint, "counted": MAX_COUNTED_LETTERS}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["cause"], params, Cause)


async def list_letters(
    database: Database, fingerprint: str, filters: LetterFilters, after: int | None, limit: int
) -> list[CauseLetter]:
    """Return up to `limit` letters of a cause, newest first, from the id `after` on."""
    params = asdict(filters) | {"fingerprint": fingerprint, "after": after, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["letters_of_cause"], params, CauseLetter)


async def list_pharmacies(database: Database, filters: DeadLetterFilters) -> list[LettersOfPharmacy]:
    """Return the pharmacies of the open letters that a filter finds, those with most letters first.

    The letters are counted up to `MAX_COUNTED_LETTERS` + 1 in total.
    """
    params = asdict(filters) | {"limit": MAX_COUNTED_LETTERS + 1}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["pharmacies_of_filter"], params, LettersOfPharmacy)


async def list_operations(database: Database, fingerprint: str, limit: int) -> Sequence[UUID]:
    """Return the latest operations that replayed letters of a cause."""
    params = {"fingerprint": fingerprint, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_column(connection, _SQL["operations_of_cause"], params, UUID)


async def find_pharmacy_name(database: Database, cnpj: str) -> str | None:
    """Return the name of a pharmacy."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["pharmacy_name"], {"cnpj": cnpj}, str)


async def list_hours(database: Database, fingerprints: Sequence[str], now: datetime) -> dict[str, list[HourCount]]:
    """Return the open letters of causes by hour of the last 24, by fingerprint."""
    params = {"fingerprints": list(fingerprints), "now": now}
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["hours"], params, HourCount)
    return {key: list(group) for key, group in groupby(rows, key=lambda row: row.fingerprint)}
