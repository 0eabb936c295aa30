"""Rows of `rate_windows`: limits that all processes share."""

from collections.abc import Mapping
from typing import Any

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.resilience.rate_limit import RateLimit, WindowUsage

_SQL = load_queries(__name__)


async def hit(database: Database, wanted: Mapping[str, tuple[RateLimit, int]]) -> dict[str, tuple[int, WindowUsage]]:
    """By subject: its limit and how many are asked -> how many are granted, and what is taken since."""
    subjects = sorted(wanted)  # one order for everybody: no deadlocks
    asked: dict[str, list[Any]] = {
        "subjects": subjects,
        "wanted": [wanted[subject][1] for subject in subjects],
        "quotas": [wanted[subject][0].quota for subject in subjects],
        "seconds": [wanted[subject][0].seconds for subject in subjects],
    }
    async with database.transaction() as connection:
        rows = await _taken(connection, asked)
        if len(rows) < len(subjects):
            await connection.execute(_SQL["insert_missing"], {"subjects": subjects})
            missing = set(subjects) - {row["subject"] for row in rows}
            kept = [place for place, subject in enumerate(subjects) if subject in missing]
            rows += await _taken(connection, {name: [values[k] for k in kept] for name, values in asked.items()})
    return {row["subject"]: (row["granted"], WindowUsage(row["taken"], row["before"], row["elapsed"])) for row in rows}


async def prune(database: Database) -> None:
    """Drop subjects nobody counts any more."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["prune"])


async def _taken(connection: Connection, asked: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return await (await connection.execute(_SQL["hit"], asked)).fetchall()
