"""Usage of rate limits, which all processes share."""

from collections.abc import Mapping
from typing import Any

from integrahub.db.accounts.rows import SubjectUsage
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all
from integrahub.resilience.rate_limit import RateLimit, WindowUsage

_SQL = load_queries(__name__)


async def hit(database: Database, requests: Mapping[str, tuple[RateLimit, int]]) -> dict[str, tuple[int, WindowUsage]]:
    """Count hits of subjects as far as their limits allow; return the granted hits and the usage by subject.

    `requests` are the limit and the number of hits by subject.
    """
    subjects = sorted(requests)  # all processes lock rows in this order, so they cannot deadlock
    params: dict[str, list[Any]] = {
        "subjects": subjects,
        "wanted": [requests[subject][1] for subject in subjects],
        "quotas": [requests[subject][0].quota for subject in subjects],
        "seconds": [requests[subject][0].seconds for subject in subjects],
    }
    async with database.transaction() as connection:
        rows = await _hit(connection, params)
        if len(rows) < len(subjects):
            await connection.execute(_SQL["insert_missing"], {"subjects": subjects})
            missing = set(subjects) - {row.subject for row in rows}
            indexes = [index for index, subject in enumerate(subjects) if subject in missing]
            rows += await _hit(connection, {name: [values[i] for i in indexes] for name, values in params.items()})
    return {row.subject: (row.granted, WindowUsage(row.taken, row.before, row.elapsed)) for row in rows}


async def refund(database: Database, subjects: list[str]) -> None:
    """Take back one hit of each subject, as of attempts that turned out to be right."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["refund"], {"subjects": sorted(subjects)})


async def prune(database: Database) -> None:
    """Delete subjects without a hit for an hour."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["prune"])


async def _hit(connection: Connection, params: dict[str, list[Any]]) -> list[SubjectUsage]:
    return await fetch_all(connection, _SQL["hit"], params, SubjectUsage)
