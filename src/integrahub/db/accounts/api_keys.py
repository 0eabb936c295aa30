"""Rows of `api_keys`: only hashes are kept."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.domain.api_keys import CLIENT, Scope, generate_key, hash_key, mask_key
from integrahub.domain.chosen_keys import is_weak

_SQL = load_queries(__name__)
_NOBODY = bytes(32)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key is for: `cnpjs` None means all pharmacies; `rate_limit` None that of the pharmacy posted for."""

    cnpjs: list[str] | None
    scopes: frozenset[Scope] = CLIENT
    expires_at: datetime | None = None
    rate_limit: str | None = None
    replaces: UUID | None = None


async def find_unrevoked(database: Database, public_id: str | None, digest: bytes) -> Row | None:
    """Return the key with this hash, by its id or, chosen by its bearer, by hash alone; note its use while it lives.

    The hash is compared whether or not the id is known, so that both take the same time.
    """
    async with database.transaction() as connection:
        asked = {"public_id": public_id, "hash": digest}
        named = _SQL["find_unrevoked_by_id"] if public_id else _SQL["find_unrevoked_by_hash"]
        row = await (await connection.execute(named, asked)).fetchone()
        equal = hmac.compare_digest(bytes(row["hash"]) if row else _NOBODY, digest)
        if row is None or not equal:
            return None
        if row["note_use"] and not row["is_expired"]:
            await connection.execute(_SQL["touch"], {"id": row["id"]})
        return row


async def create(database: Database, pepper: bytes, grant: Grant) -> tuple[str, Row]:
    """Make a key and store what is needed to know it again: the key, which nobody sees again, and its row."""
    made = generate_key(grant.scopes)
    row = await _store(database, pepper, made.text, made.public_id, grant)
    assert row is not None  # a key just generated is nobody's
    return made.text, row


async def keep_chosen(database: Database, pepper: bytes, key: str, grant: Grant) -> Row | None:
    """Store a key its bearer chose; None when it is a key of others already."""
    return await _store(database, pepper, key, None, grant)


async def _store(database: Database, pepper: bytes, key: str, public_id: str | None, grant: Grant) -> Row | None:
    values = {
        "hash": hash_key(key, pepper),
        "hint": mask_key(key),
        "public_id": public_id,
        "tenants": "all" if grant.cnpjs is None else "pharmacies",
        "cnpjs": grant.cnpjs or [],
        "scopes": sorted(grant.scopes),
        "expires_at": grant.expires_at,
        "rate_limit": grant.rate_limit,
        "replaces": grant.replaces,
        "weak": public_id is None and is_weak(key),
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


async def end_within(database: Database, key_id: UUID, hours: int) -> None:
    """A live key ends after `hours` at the latest."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["expire_if_later"], {"id": key_id, "hours": hours})
