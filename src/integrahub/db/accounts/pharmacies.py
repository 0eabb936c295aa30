"""Rows of `pharmacies`."""

from typing import Any

from integrahub.db.database import Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
Row = dict[str, Any]


async def find(database: Database, cnpj: str) -> Row | None:
    """The pharmacy, or None."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["find"], {"cnpj": cnpj})).fetchone()


async def find_or_create(database: Database, cnpj: str, name: str, city: str = "", state: str = "") -> Row:
    """The pharmacy, made with these facts when it is new; an existing one keeps its own."""
    facts = {"cnpj": cnpj, "name": name or f"Farmacia {cnpj}", "city": city, "state": state}
    async with database.transaction() as connection:
        found = await (await connection.execute(_SQL["find"], facts)).fetchone()
        found = found or await (await connection.execute(_SQL["create_if_absent"], facts)).fetchone()
        found = found or await (await connection.execute(_SQL["find"], facts)).fetchone()
    assert found is not None
    return found


async def known_of(database: Database, cnpjs: list[str]) -> list[str]:
    """Those of the CNPJs that are known and may be seen, at most two."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(_SQL["find_existing"], {"cnpjs": cnpjs})).fetchall()
    return [row["cnpj"] for row in rows]


async def page(database: Database, after: str, limit: int) -> list[Row]:
    """Up to `limit` pharmacies after the CNPJ `after`."""
    async with database.transaction() as connection:
        cursor = await connection.execute(_SQL["page"], {"after": after, "limit": limit})
        return await cursor.fetchall()


async def silent(database: Database, after: str, limit: int) -> list[Row]:
    """Up to `limit` pharmacies after the CNPJ `after` that have been silent for longer than they ever were."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["silent"], {"after": after, "limit": limit})).fetchall()


async def update(database: Database, cnpj: str, changes: Row) -> Row | None:
    """Set the given members of name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit."""
    members = ("name", "city", "state", "time_zone", "deactivation_limit", "full_window_minutes", "rate_limit")
    values = {member: changes.get(member) for member in members} | {"cnpj": cnpj}
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["update"], values)).fetchone()
