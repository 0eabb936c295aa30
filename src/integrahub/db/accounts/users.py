"""People of the console: their names, roles, passwords and second factors."""

import hashlib
import secrets
from datetime import timedelta

import msgspec
from psycopg.errors import UniqueViolation

from integrahub.db.accounts.user_rows import Credentials, User
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.domain.errors import InvalidData
from integrahub.domain.languages import Language
from integrahub.domain.people.names import anonymous_name, to_login
from integrahub.domain.people.roles import Role, Theme

_SQL = load_queries(__name__)
_TOKEN_BYTES = 32
LINK_TTL = timedelta(hours=1)


class Profile(msgspec.Struct, frozen=True):
    """What a person or an administrator sets of a person; None leaves it unchanged."""

    name: str | None = None
    email: str | None = None
    role: Role | None = None
    language: Language | None = None
    theme: Theme | None = None
    keys_off: list[str] | None = None


async def add(
    database: Database, name: str, role: Role, email: str = "", language: Language | None = None
) -> User | None:
    """Store a person without a password; None if the name is taken."""
    params = {"name": name, "login": to_login(name), "email": email, "role": role, "language": language}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["insert_unless_taken"], params, User)


async def list_all(database: Database, *, with_removed: bool = False) -> list[User]:
    """Return the people by name, at most 1000; `with_removed`: also those that were removed."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["list_all"], {"with_removed": with_removed}, User)


async def find(database: Database, user_id: int) -> User | None:
    """Return a person, also if removed."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"id": user_id}, User)


async def find_by_name(database: Database, name: str) -> User | None:
    """Return the person with a name who is not removed."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find_by_login"], {"login": to_login(name)}, User)


async def find_credentials(database: Database, *, name: str = "", user_id: int | None = None) -> Credentials | None:
    """Return what the person with a name, or with an id, signs in with; None if there is no such person."""
    params = {"login": to_login(name), "id": user_id}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find_credentials"], params, Credentials)


async def has_admin(database: Database) -> bool:
    """Return whether an administrator exists who has set a password."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["has_admin"], None, bool) or False


async def update(database: Database, user_id: int, profile: Profile) -> User | None:
    """Change a person; None if there is none, if the name is taken, or if no other administrator would be left."""
    login = to_login(profile.name) if profile.name else None
    params = {**msgspec.structs.asdict(profile), "id": user_id, "login": login}
    try:
        async with database.transaction() as connection:
            await connection.execute(_SQL["lock_admins"])
            return await fetch_one(connection, _SQL["update_if_admin_left"], params, User)
    except InvalidData as error:
        if isinstance(error.__cause__, UniqueViolation):
            return None
        raise


async def remove(database: Database, user_id: int) -> User | None:
    """Remove a person with sessions and links; None if there is none, or no other administrator would be left."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock_admins"])
        removed = await fetch_one(connection, _SQL["remove_if_admin_left"], {"id": user_id}, User)
        if removed:
            await connection.execute(_SQL["delete_links"], {"id": user_id})
            await connection.execute(_SQL["delete_sessions"], {"id": user_id})
    return removed


async def create_link(database: Database, user_id: int) -> str:
    """Replace the one-time links of a person by a new one, valid an hour; return its token, which is stored nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    async with database.transaction() as connection:
        await connection.execute(_SQL["delete_links"], {"id": user_id})
        params = {"hash": _hash(token), "id": user_id, "ttl": LINK_TTL}
        await connection.execute(_SQL["insert_link"], params)
    return token


async def find_by_link(database: Database, token: str) -> User | None:
    """Return the person of a link that is neither used nor expired."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find_by_link"], {"hash": _hash(token)}, User)


async def use_link(database: Database, token: str, password: str) -> User | None:
    """Set the password, a PHC string, of the person of a link; end the link and all sessions. None: it is not valid.

    The second factor is switched off: the link replaces everything that the person may have lost.
    """
    async with database.transaction() as connection:
        user_id = await fetch_value(connection, _SQL["delete_live_link"], {"hash": _hash(token)}, int)
        if user_id is None:
            return None
        await connection.execute(_SQL["delete_links"], {"id": user_id})
        await connection.execute(_SQL["delete_sessions"], {"id": user_id})
        params = {"id": user_id, "password": password}
        return await fetch_one(connection, _SQL["reset_credentials"], params, User)


async def set_password(database: Database, user_id: int, password: str) -> None:
    """Store a new password, a PHC string."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["set_password"], {"id": user_id, "password": password})


async def store_totp(database: Database, user_id: int, sealed: bytes) -> None:
    """Store the sealed secret of a second factor that is not enabled yet."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["store_totp_if_off"], {"id": user_id, "sealed": sealed})


async def enable_totp(database: Database, user_id: int, step: int) -> bool:
    """Enable the second factor whose first code, of a time step, was accepted; False if it is enabled already."""
    async with database.transaction() as connection:
        params = {"id": user_id, "step": step}
        return await fetch_value(connection, _SQL["enable_totp_if_off"], params, int) is not None


async def disable_totp(database: Database, user_id: int) -> None:
    """Delete the second factor of a person."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["disable_totp"], {"id": user_id})


async def spend_code(database: Database, user_id: int, step: int) -> bool:
    """Store that the code of a time step was used; False if it, or a later one, was used before."""
    async with database.transaction() as connection:
        params = {"id": user_id, "step": step}
        return await fetch_value(connection, _SQL["spend_code_once"], params, int) is not None


async def record_sign_in(database: Database, user_id: int) -> None:
    """Store the time of a sign-in."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["record_sign_in"], {"id": user_id})


async def anonymise(database: Database, user_id: int) -> bool:
    """Replace the name of a removed person here and in the audit log, and delete the e-mail; False if not removed."""
    params = {"id": user_id, "name": anonymous_name(user_id)}
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["anonymise_if_removed"], params, bool) or False


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
