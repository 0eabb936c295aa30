"""Rows of `api_keys`: only hashes are kept."""

from datetime import datetime
from typing import Any
from uuid import UUID

from integrahub.db.loader import blocks
from integrahub.db.pool import Database
from integrahub.domain.keys import key_hash, key_hint

_SQL = blocks("api_keys")
Row = dict[str, Any]


async def find_live(database: Database, digest: bytes) -> Row | None:
    """The key with this hash while it lives; notes that it was used."""
    async with database.transaction() as connection:
        row = await (await connection.execute(_SQL["find_live"], {"hash": digest})).fetchone()
        if row:
            await connection.execute(_SQL["touch"], {"id": row["id"]})
        return row


async def create(
    database: Database, key: str, pepper: bytes, cnpjs: list[str] | None, expires_at: datetime | None = None
) -> Row | None:
    """Store a key for these pharmacies, None meaning all; None when it is a key of others already."""
    values = {
        "hash": key_hash(key, pepper),
        "hint": key_hint(key),
        "scope": "all" if cnpjs is None else "pharmacies",
        "cnpjs": cnpjs or [],
        "expires_at": expires_at,
    }
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["create_unless_taken"], values)).fetchone()


async def every(database: Database) -> list[Row]:
    """All keys, newest first."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["all"])).fetchall()


async def find(database: Database, key_id: UUID) -> Row | None:
    """One key, live or not."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["find"], {"id": key_id})).fetchone()


async def revoke(database: Database, key_id: UUID) -> bool:
    """Whether a live key was ended."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["revoke_if_live"], {"id": key_id})).fetchone() is not None
