"""Sessions of the console; only hashes of their tokens are stored."""

import hashlib
import secrets
from uuid import UUID

import msgspec

from integrahub.db.accounts.user_rows import SignedIn, UserSession
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value

_SQL = load_queries(__name__)
_TOKEN_BYTES = 32
_MAX_AGENT_LENGTH = 200


async def start(database: Database, user_id: int, address: str, agent: str) -> str:
    """Store a session and return its token, which is stored nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    params = {"hash": _hash(token), "user_id": user_id, "address": address, "agent": agent[:_MAX_AGENT_LENGTH]}
    async with database.transaction() as connection:
        await connection.execute(_SQL["delete_over"])
        await connection.execute(_SQL["insert"], params)
    return token


async def find(database: Database, token: str, *, is_used: bool) -> SignedIn | None:
    """Return the live session of a token, or None. `is_used`: store its use, so that it does not become idle."""
    async with database.transaction() as connection:
        session = await fetch_one(connection, _SQL["find_live"], {"hash": _hash(token)}, SignedIn)
        if session and is_used and session.is_touch_due:
            await connection.execute(_SQL["touch"], {"id": session.session_id})
            session = msgspec.structs.replace(session, is_touch_due=False)
    return session


async def confirm(database: Database, session_id: UUID) -> None:
    """Store that the person of a session typed the password just now."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["confirm"], {"id": session_id})


async def list_live(database: Database, user_id: int) -> list[UserSession]:
    """Return the live sessions of a person, newest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["list_live"], {"user_id": user_id}, UserSession)


async def end(database: Database, session_id: UUID, user_id: int) -> bool:
    """End a session of a person; return False if there is none."""
    async with database.transaction() as connection:
        ended = await fetch_value(connection, _SQL["end"], {"id": session_id, "user_id": user_id}, UUID)
    return ended is not None


async def end_named(database: Database, session_id: str, user_id: int) -> bool:
    """End a session of a person by its id as text; return False if there is none."""
    try:
        return await end(database, UUID(session_id), user_id)
    except ValueError:
        return False


async def end_all(database: Database, user_id: int, except_id: UUID | None = None) -> int:
    """End all sessions of a person, except one if it is given; return how many were ended."""
    async with database.transaction() as connection:
        params = {"user_id": user_id, "except_id": except_id}
        return (await connection.execute(_SQL["end_all"], params)).rowcount


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
