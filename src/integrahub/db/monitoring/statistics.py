"""Statistics too costly for every scrape, counted periodically and stored; and batches finished by the hour."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
Row = dict[str, Any]
Totals = Counter[str]  # `batches STATUS`, `products RESULT`, `bucket NUMBER`, `seconds` -> how many
Figures = dict[tuple[str, tuple[str, ...]], float]  # metric and label values -> value
_RESULTS = ("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "deactivated")
_HOURS = {"24h": 24, "7d": 7 * 24, "30d": 30 * 24}


async def keep(database: Database, figures: Figures) -> None:
    """Keep what was counted."""
    rows = [{"name": name, "labels": list(labels), "value": value} for (name, labels), value in figures.items()]
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        await connection.cursor().executemany(_SQL["save"], rows)


async def kept(database: Database) -> tuple[Figures, dict[str, float]]:
    """What was counted last, and by metric how long ago in seconds."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["load"])).fetchall()
    figures = {(row["name"], tuple(row["labels"])): row["value"] for row in rows}
    return figures, {row["name"]: row["age"] for row in rows}


async def products(database: Database) -> Row:
    """`active` and `inactive` products; reads the whole table."""
    return await _one(database, _SQL["products"])


async def pharmacies(database: Database) -> Row:
    """Pharmacies that posted within `24h`, `7d` and `30d`, and those `silent` beyond their rhythm."""
    return await _one(database, _SQL["pharmacies"])


async def waiting(database: Database) -> Row:
    """Unsettled `chunks`, `held` deactivations, unsettled dead `letters`."""
    return await _one(database, _SQL["count_waiting"])


async def connections(database: Database) -> Row:
    """Connections `taken` and the `most` there may be."""
    return await _one(database, _SQL["connections"])


async def stored(database: Database) -> float:
    """Bytes of bodies kept as objects."""
    return float((await _one(database, _SQL["stored_bytes"]))["bytes"])


async def history(database: Database, bounds: Sequence[float]) -> tuple[Totals, dict[str, Totals]]:
    """Totals since the beginning, and those within each window; closes the hours that are over.

    `bounds` are the upper ends of the buckets of durations, in seconds. Windows reach back whole hours.
    """
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        latest = await (await connection.execute(_SQL["latest_hour"])).fetchone()
        asked = {"after": latest["hour"] if latest else None, "bounds": list(bounds)}
        ended = await (await connection.execute(_SQL["finished_by_hour"], asked)).fetchall()
        totals = await _close(connection, Totals(latest["totals"] if latest else {}), ended)
        return totals, {window: _since(totals, await _before(connection, hours)) for window, hours in _HOURS.items()}


async def _close(connection: Connection, totals: Totals, ended: list[Row]) -> Totals:
    for hour, rows in groupby(ended, key=lambda row: row["hour"]):
        of_hour = list(rows)
        for row in of_hour:
            _add(totals, row)
        if of_hour[0]["closed"]:
            await connection.execute(_SQL["close_hour"], {"hour": hour, "totals": Jsonb(totals)})
    return totals


def _add(totals: Totals, row: Row) -> None:
    totals[f"batches {row['status']}"] += row["batches"]
    totals[f"bucket {row['bucket']}"] += row["batches"]
    totals["seconds"] += row["seconds"]
    for result in _RESULTS:
        totals[f"products {result}"] += row[result]


async def _before(connection: Connection, hours: int) -> Totals:
    row = await (await connection.execute(_SQL["totals_before"], {"hours": hours})).fetchone()
    return Totals(row["totals"] if row else {})


def _since(now: Totals, before: Totals) -> Totals:
    return Totals({name: total - before[name] for name, total in now.items()})


async def _one(database: Database, statement: LiteralString) -> Row:
    async with database.transaction() as connection:
        row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row
