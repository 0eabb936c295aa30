"""Who may log in to the embedded PostgreSQL: one login a role, each with a password that nothing on the disk holds.

The owner's password is made at each start. Those of the roles derive from it, one way: who has one has no other.
"""

import base64
import hmac
import os
import pwd
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from psycopg import sql

from integrahub.db.connections import HubConnection
from integrahub.db.embedded.process_user import ProcessUser
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import ConfigurationError

OWNER = "integrahub"
_ATTRIBUTES = {DatabaseRole.API: "LOGIN", DatabaseRole.WORKER: "LOGIN BYPASSRLS"}  # as in permissions.sql
_CLOSED = "local all all scram-sha-256\n"


def ask_passwords(cluster: Path, account: ProcessUser) -> None:
    """Write the rules that ask everybody for a password."""
    _write(cluster / "pg_hba.conf", _CLOSED, account)


def admit_starter(cluster: Path, account: ProcessUser) -> None:
    """Write the rules of the moment in which passwords are set: the account of this process alone is let in."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigurationError(
            f"User id {os.geteuid()} has no name on this machine (/etc/passwd), by which PostgreSQL would know it. "
            "Give it one, run IntegraHub as another user, or set INTEGRAHUB_DATABASE_URL."
        ) from None
    _write(cluster / "pg_ident.conf", f'starter "{name}" {OWNER}\n', account)
    _write(cluster / "pg_hba.conf", f"local all {OWNER} peer map=starter\n", account)


async def set_passwords(connection: HubConnection, secret: str, *, is_random: bool) -> None:
    """Give the owner the password `secret` and each role the one that derives from it, making roles not there yet."""
    if is_random:  # no number of rounds makes 256 random bits harder to guess, and each session would pay for them
        await connection.execute("SET scram_iterations = 1")
    for role, attributes in _ATTRIBUTES.items():
        found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if await found.fetchone() is None:
            await connection.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))
        await _set_password(connection, role, password_of(secret, role))
    await _set_password(connection, OWNER, secret)


async def _set_password(connection: HubConnection, name: str, password: str) -> None:
    """Send a verifier, so that the password is in no statement that a log may repeat."""
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    await connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier)))


def password_of(secret: str, role: DatabaseRole) -> str:
    """Return the role's password."""
    digest = hmac.digest(secret.encode(), f"integrahub login {role}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _write(file: Path, text: str, account: ProcessUser) -> None:
    """Replace a file of the cluster's; its folder is the account's, which could have put a link there."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        os.fchown(descriptor, account.uid, account.gid)
    os.replace(fresh, file)


def url_as(url: str, role: DatabaseRole) -> str:
    """Return the owner's URL as one of a role's login, with the role's password."""
    parts = urlsplit(url)
    password = password_of(unquote(parts.password or ""), role)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"))


def keep(file: Path, url: str) -> None:
    """Write a URL with its password where only the account of this process reads it."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(url, "utf-8")
    fresh.replace(file)
