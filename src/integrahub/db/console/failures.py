"""Reads of the pages of failures: causes, their letters, and what a replay by filter would take."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import LiteralString
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.db.console.failures_rows import (
    MAX_COUNTED_LETTERS,
    Cause,
    CauseFilters,
    CauseLetter,
    CauseName,
    CausePosition,
    HourCount,
    LetterFilters,
    LettersOfPharmacy,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_value

_SQL = load_queries(__name__)


async def list_causes(
    database: Database, filters: CauseFilters, after: CausePosition | None, limit: int
) -> list[Cause]:
    """Return up to `limit` causes, the latest first."""
    params = asdict(filters) | {"counted": MAX_COUNTED_LETTERS, "limit": limit}
    params |= {"before": after and after.last_seen, "before_fingerprint": after and after.fingerprint}
    async with database.transaction() as connection:
        return await fetch_all(connection, causes_statement(), params, Cause)


def causes_statement() -> LiteralString:
    """Return the listing of causes."""
    return " ".join([_SQL["causes"], _SQL["latest_first"]])


def later_statement() -> LiteralString:
    """Return the count of the causes that failed after a list was opened and that it does not show."""
    return " ".join([_SQL["later"], _SQL["causes"], _SQL["later_end"]])


async def list_shown(database: Database, filters: CauseFilters, fingerprints: Sequence[str]) -> list[Cause]:
    """Return the causes that a list shows, in its order, open or not."""
    params = {"fingerprints": list(fingerprints), "counted": MAX_COUNTED_LETTERS}
    params |= {"cnpj": filters.cnpj, "since": filters.since}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["shown"], params, Cause)


async def count_later(database: Database, filters: CauseFilters, opened: datetime, fingerprints: Sequence[str]) -> int:
    """Count causes that match, failed after a list was opened, and are not those that it shows, up to 100."""
    params = asdict(filters) | {"counted": MAX_COUNTED_LETTERS, "opened": opened, "fingerprints": list(fingerprints)}
    async with database.transaction() as connection:
        return await fetch_value(connection, later_statement(), params, int) or 0


async def find_cause(database: Database, fingerprint: str) -> Cause | None:
    """Return one cause."""
    found = await list_shown(database, CauseFilters(), [fingerprint])
    return found[0] if found else None


async def find_names(database: Database, filters: Sequence[DeadLetterFilters]) -> dict[str, CauseName]:
    """Return what the causes of some filters are called, by fingerprint. A filter may name a class or code instead."""
    params = {"fingerprints": [each.error for each in filters if each.error]}
    async with database.transaction() as connection:
        return {row.fingerprint: row for row in await fetch_all(connection, _SQL["cause_names"], params, CauseName)}


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
