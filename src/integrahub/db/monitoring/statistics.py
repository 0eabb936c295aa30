"""Statistics that are too costly for each scrape: counted at intervals and stored; and totals by hour."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import LiteralString, TypeVar

import msgspec
from psycopg.types.json import Jsonb

from integrahub.db.database import Connection, Database
from integrahub.db.monitoring.rows import (
    ConnectionCounts,
    FinishedBatches,
    HourTotals,
    PendingCounts,
    PharmacyCounts,
    StatisticsFigure,
    WebhookCounts,
)
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value

_SQL = load_queries(__name__)
_Row = TypeVar("_Row", bound=msgspec.Struct)
Totals = Counter[str]  # by `batches STATUS`, `products RESULT`, `bucket NUMBER` and `seconds`
Figures = dict[tuple[str, tuple[str, ...]], float]  # values by metric name and label values
_RESULTS = ("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "deactivated")
_WINDOW_HOURS = {"24h": 24, "7d": 7 * 24, "30d": 30 * 24}


async def save(database: Database, figures: Figures) -> None:
    """Store values of metrics."""
    rows = [{"name": name, "labels": list(labels), "value": value} for (name, labels), value in figures.items()]
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        await connection.cursor().executemany(_SQL["save"], rows)


async def load(database: Database) -> list[StatisticsFigure]:
    """Return the stored values of all metrics."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["load"], None, StatisticsFigure)


async def count_pharmacies(database: Database) -> PharmacyCounts:
    """Count pharmacies by the time of their last post."""
    return await _fetch(database, _SQL["count_pharmacies"], PharmacyCounts)


async def count_pending(database: Database) -> PendingCounts:
    """Count what waits for workers or for an operator."""
    return await _fetch(database, _SQL["count_pending"], PendingCounts)


async def count_webhooks(database: Database) -> WebhookCounts:
    """Count webhooks that wait, and endpoints."""
    return await _fetch(database, _SQL["count_webhooks"], WebhookCounts)


async def count_unpartitioned(database: Database) -> int:
    """Return the number of changes in the default partitions of the record of changes."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["count_unpartitioned"], None, int) or 0


async def count_connections(database: Database) -> ConnectionCounts:
    """Count the client connections of PostgreSQL."""
    return await _fetch(database, _SQL["count_connections"], ConnectionCounts)


async def stored_bytes(database: Database) -> float:
    """Return the size of all bodies that are stored as objects."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["stored_bytes"], None, float) or 0.0


async def update_history(database: Database, bounds: Sequence[float]) -> tuple[Totals, dict[str, Totals]]:
    """Return the totals since the beginning, and those of each window; store the totals of hours that closed.

    `bounds` are the upper bounds of the duration buckets, in seconds. Windows reach back whole hours.
    """
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        latest = await fetch_one(connection, _SQL["latest_hour"], None, HourTotals)
        params = {"after": latest.hour if latest else None, "bounds": list(bounds)}
        finished = await fetch_all(connection, _SQL["finished_by_hour"], params, FinishedBatches)
        totals = await _close_hours(connection, _to_totals(latest), finished)
        before = {window: await _totals_before(connection, hours) for window, hours in _WINDOW_HOURS.items()}
    return totals, {window: _subtract(totals, old) for window, old in before.items()}


async def _close_hours(connection: Connection, totals: Totals, finished: list[FinishedBatches]) -> Totals:
    for hour, group in groupby(finished, key=lambda row: row.hour):
        rows = list(group)
        for row in rows:
            _add(totals, row)
        if rows[0].closed:
            await connection.execute(_SQL["close_hour"], {"hour": hour, "totals": Jsonb(totals)})
    return totals


def _add(totals: Totals, row: FinishedBatches) -> None:
    totals[f"batches {row.status}"] += row.batches
    totals[f"bucket {row.bucket}"] += row.batches
    totals["seconds"] += row.seconds  # type: ignore[assignment]
    for result in _RESULTS:
        totals[f"products {result}"] += getattr(row, result)


async def _totals_before(connection: Connection, hours: int) -> Totals:
    return _to_totals(await fetch_one(connection, _SQL["totals_before"], {"hours": hours}, HourTotals))


def _to_totals(row: HourTotals | None) -> Totals:
    return Totals(row.totals if row else {})


def _subtract(now: Totals, before: Totals) -> Totals:
    return Totals({name: total - before[name] for name, total in now.items()})


async def _fetch(database: Database, query: LiteralString, row_type: type[_Row]) -> _Row:
    async with database.transaction() as connection:
        row = await fetch_one(connection, query, None, row_type)
    assert row is not None
    return row
