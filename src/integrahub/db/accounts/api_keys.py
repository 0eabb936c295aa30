"""API keys; only hashes of them are stored."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from integrahub.db.accounts.rows import ApiKey, UnrevokedApiKey
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.api_keys import CLIENT, Scope, generate_key, hash_key, mask_key
from integrahub.domain.chosen_keys import is_weak

_SQL = load_queries(__name__)
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows. `cnpjs` None means all pharmacies, `rate_limit` None that of the pharmacy."""

    cnpjs: list[str] | None
    scopes: frozenset[Scope] = CLIENT
    expires_at: datetime | None = None
    rate_limit: str | None = None
    replaces: UUID | None = None


async def find_unrevoked(database: Database, public_id: str | None, digest: bytes) -> UnrevokedApiKey | None:
    """Return the key with this hash, or None; store its use if it is not expired.

    A generated key is looked up by its public id, a chosen key (`public_id` None) by its hash. The hash is compared
    also if the id is unknown, so that both cases take the same time.
    """
    query = _SQL["find_unrevoked_by_id"] if public_id else _SQL["find_unrevoked_by_hash"]
    async with database.transaction() as connection:
        key = await fetch_one(connection, query, {"public_id": public_id, "hash": digest}, UnrevokedApiKey)
        is_equal = hmac.compare_digest(key.hash if key else _NO_HASH, digest)
        if key is None or not is_equal:
            return None
        if key.is_use_due and not key.is_expired:
            await connection.execute(_SQL["touch"], {"id": key.id})
        return key


async def create(database: Database, pepper: bytes, grant: Grant) -> tuple[str, ApiKey]:
    """Generate and store a key; return the key itself, which is stored nowhere, and its row."""
    generated = generate_key(grant.scopes)
    row = await _store(database, pepper, generated.text, generated.public_id, grant)
    assert row is not None  # a generated key is new
    return generated.text, row


async def store_chosen(database: Database, pepper: bytes, key: str, grant: Grant) -> ApiKey | None:
    """Store a key that its bearer chose. Return None if the same key already exists for other pharmacies."""
    return await _store(database, pepper, key, None, grant)


async def _store(database: Database, pepper: bytes, key: str, public_id: str | None, grant: Grant) -> ApiKey | None:
    params = {
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
        return await fetch_one(connection, _SQL["create_unless_taken"], params, ApiKey)


async def list_all(database: Database) -> list[ApiKey]:
    """Return all keys, newest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["list_all"], None, ApiKey)


async def find(database: Database, key_id: UUID) -> ApiKey | None:
    """Return a key, also if it is expired or revoked."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"id": key_id}, ApiKey)


async def revoke(database: Database, key_id: UUID) -> bool:
    """Revoke a key; return False if there is none, or it is revoked already."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["revoke_if_live"], {"id": key_id})).fetchone() is not None


async def expire_within(database: Database, key_id: UUID, hours: int) -> None:
    """Let a key expire in `hours`, unless it expires earlier."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["expire_if_later"], {"id": key_id, "hours": hours})
