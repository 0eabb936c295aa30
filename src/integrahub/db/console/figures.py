"""Figures over time: of the hub, of a pharmacy, of a cause of failure; refusals and unknown fields of a pharmacy."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from integrahub.db.console.figures_rows import (
    CauseHour,
    FigurePoint,
    FigureRange,
    PharmacyDay,
    Refusal,
    Rhythm,
    UnknownField,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one

_SQL = load_queries(__name__)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
MAX_REFUSALS = 50


class Span(NamedTuple):
    """Length of a chart and of its buckets, in seconds."""

    length: int
    step: int


SPANS: Mapping[FigureRange, Span] = {
    FigureRange.HOUR: Span(_HOUR, _MINUTE),
    FigureRange.DAY: Span(_DAY, 15 * _MINUTE),
    FigureRange.WEEK: Span(7 * _DAY, _HOUR),
    FigureRange.MONTH: Span(30 * _DAY, 6 * _HOUR),
    FigureRange.YEAR: Span(400 * _DAY, 4 * _DAY),
}


class _Sizes(msgspec.Struct, frozen=True):
    pharmacy_id: int
    sizes: list[int]


async def find_points(database: Database, range_: FigureRange, until: datetime | None = None) -> list[FigurePoint]:
    """Return the counted buckets of a chart that ends at `until` or now, at most 170, oldest first.

    The last bucket is incomplete. Spans of up to a day are read from minutes, which are kept for 26 hours.
    """
    span = SPANS[range_]
    statement = _SQL["by_minute"] if span.step < _HOUR else _SQL["by_hour"]
    params = {"span": span.length, "step": span.step, "until": until}
    async with database.transaction() as connection:
        return await fetch_all(connection, statement, params, FigurePoint)


async def find_batch_hours(database: Database, hours: int) -> list[FigurePoint]:
    """Return the figures of the last hours, oldest first: batches by status, posts, products."""
    params = {"span": hours * _HOUR, "step": _HOUR, "until": None}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["by_hour"], params, FigurePoint)


async def find_pharmacy_days(database: Database, pharmacy_id: int, days: int = 90) -> list[PharmacyDay]:
    """Return the catalogue size and the loads of a pharmacy by day, oldest first."""
    async with database.transaction() as connection:
        return await fetch_all(
            connection, _SQL["pharmacy_days"], {"pharmacy_id": pharmacy_id, "days": days}, PharmacyDay
        )


async def find_sizes(database: Database, pharmacy_ids: Sequence[int], days: int = 30) -> dict[int, list[int]]:
    """Return the active products of some pharmacies by day, oldest first, for their sparklines."""
    params = {"pharmacy_ids": list(pharmacy_ids), "days": days}
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["pharmacy_sizes"], params, _Sizes)
    return {row.pharmacy_id: row.sizes for row in rows}


async def find_rhythm(database: Database, pharmacy_id: int) -> Rhythm | None:
    """Return how often a pharmacy posts; None if it has not posted, or was not counted yet."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["rhythm"], {"pharmacy_id": pharmacy_id}, Rhythm)


async def find_cause_hours(database: Database, fingerprint: str, hours: int = 24) -> list[CauseHour]:
    """Return the open dead letters of a cause by hour, oldest first."""
    params = {"fingerprint": fingerprint, "hours": hours}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["cause_hours"], params, CauseHour)


async def find_refusals(database: Database, cnpj: str, key_names: Sequence[str], hours: int = 24) -> list[Refusal]:
    """Return the refused posts of a pharmacy, the latest first, at most 50.

    `key_names` are the names of its keys as in the audit log, ended ones too: posts whose key is refused name no CNPJ.
    """
    params = {"cnpj": cnpj, "key_names": list(key_names), "hours": hours, "limit": MAX_REFUSALS}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["refusals_of_pharmacy"], params, Refusal)


async def find_unknown_fields(database: Database, pharmacy_id: int) -> list[UnknownField]:
    """Return the unknown fields of a pharmacy, at most 50, the latest found first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["unknown_fields"], {"pharmacy_id": pharmacy_id}, UnknownField)
