"""People of the console for tests: added with a role, and signed in without a password."""

from integrahub.console.access import COOKIE
from integrahub.db.accounts import user_sessions, users
from integrahub.db.accounts.user_rows import User
from integrahub.db.database import Database
from integrahub.domain.people.roles import Role

PASSWORD = "uma frase longa de teste"


async def add_person(database: Database, role: Role, name: str = "") -> User:
    """Add a person, by default with the name of the role."""
    user = await users.add(database, name or f"Ana {role}", role)
    assert user is not None
    return user


async def sign_in(database: Database, user: User, address: str = "127.0.0.1") -> dict[str, str]:
    """Start a session of a person and return its cookie, as a browser on plain HTTP sends it."""
    return {COOKIE: await user_sessions.start(database, user.id, address, "test")}
