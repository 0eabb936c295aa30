"""Table `refusals`: refused posts by hour, CNPJ, key, code and address."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value

_SQL = load_queries(__name__)


class RefusalCount(NamedTuple):
    """Refused posts of one kind in one hour. Empty texts stand for what is not known."""

    hour: datetime
    cnpj: str
    key_name: str
    code: str
    address: str
    posts: int
    last_at: datetime


async def add(database: Database, counts: Sequence[RefusalCount]) -> None:
    """Add to the counts of their hours."""
    columns = zip(*counts, strict=True)
    names = ("hours", "cnpjs", "key_names", "codes", "addresses", "counts", "last_at")
    params = {name: list(column) for name, column in zip(names, columns, strict=True)}
    async with database.transaction() as connection:
        await connection.execute(_SQL["add"], params)


async def blank_addresses(database: Database, days: int, limit: int) -> int:
    """Blank the addresses of up to `limit` rows older than `days`; return how many."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["blank_addresses"], {"days": days, "limit": limit}, int) or 0


async def delete_old(database: Database, limit: int) -> int:
    """Delete up to `limit` rows older than 13 months; return how many."""
    async with database.transaction() as connection:
        return (await connection.execute(_SQL["delete_old"], {"limit": limit})).rowcount
