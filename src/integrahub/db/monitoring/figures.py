"""Figures over time: of the hub by minute and hour, of pharmacies by day, of causes of failure by hour."""

from datetime import datetime

import msgspec

from integrahub.db.database import Database
from integrahub.db.monitoring.rows import ProductCounts
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one, fetch_value

_SQL = load_queries(__name__)


class LiveCounts(msgspec.Struct, frozen=True):
    """What waits and what lives now: records of the backlog, live upsert workers, live API processes."""

    backlog: int
    workers: int
    apis: int


async def save_minutes(database: Database, live: LiveCounts) -> None:
    """Count the last minutes, and those that were missed, up to 26 hours back; add up their hours."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        since = await fetch_value(connection, _SQL["first_minute"], None, datetime)
        params = {"since": since, **msgspec.structs.asdict(live)}
        await connection.execute(_SQL["save_minutes"], params)
        await connection.execute(_SQL["save_hours"], params)
        await connection.execute(_SQL["delete_minutes"])


async def save_sizes(database: Database) -> ProductCounts:
    """Count the products of all catalogues, and store the size of each for today. Reads the whole table."""
    async with database.transaction() as connection:
        counts = await fetch_one(connection, _SQL["save_sizes"], None, ProductCounts)
    assert counts is not None
    return counts


async def save_days(database: Database, days: int) -> None:
    """Store the loads of each pharmacy on the last days, how often it posts, and the open letters of each cause."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["save_loads"], {"days": days})
    async with database.transaction() as connection:
        await connection.execute(_SQL["save_rhythms"])
    async with database.transaction() as connection:
        await connection.execute(_SQL["save_causes"])


async def delete_old(database: Database) -> None:
    """Delete figures that are older than 13 months."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["delete_hours"])
        await connection.execute(_SQL["delete_days"])
        await connection.execute(_SQL["delete_causes"])
