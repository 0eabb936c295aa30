"""Logins of the embedded PostgreSQL: one per role, each with a password that is stored nowhere on the disk.

The password of the owner is generated at each start. The passwords of the roles are derived from it by a one-way
function, so that one of them reveals no other.
"""

import base64
import hmac
import os
import pwd
from pathlib import Path
from typing import LiteralString
from urllib.parse import unquote, urlsplit, urlunsplit

from psycopg import sql

from integrahub.db.connections import HubConnection
from integrahub.db.embedded.process_user import ProcessUser
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import ConfigurationError

OWNER = "integrahub"
BACKUP = "integrahub_backup"  # makes base backups; on the embedded PostgreSQL only
_ATTRIBUTES: dict[str, LiteralString] = {  # as in permissions.sql
    DatabaseRole.API: "LOGIN",
    DatabaseRole.WORKER: "LOGIN BYPASSRLS",
    DatabaseRole.NOTIFY: "LOGIN BYPASSRLS",
    DatabaseRole.CONSOLE: "LOGIN",
    BACKUP: "LOGIN REPLICATION",
}
_PASSWORD_RULES = f"local all all scram-sha-256\nlocal replication {BACKUP} scram-sha-256\n"


def require_passwords(cluster: Path, user: ProcessUser) -> None:
    """Write the rules by which every login requires a password."""
    _write(cluster / "pg_hba.conf", _PASSWORD_RULES, user)


def allow_current_user(cluster: Path, user: ProcessUser) -> None:
    """Write the rules that hold while passwords are set: only the user of this process may log in, without one."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigurationError(
            f"User id {os.geteuid()} has no name on this machine (/etc/passwd), and PostgreSQL knows users by name. "
            "Give it one, run IntegraHub as another user, or set INTEGRAHUB_DATABASE_URL."
        ) from None
    _write(cluster / "pg_ident.conf", f'starter "{name}" {OWNER}\n', user)
    _write(cluster / "pg_hba.conf", f"local all {OWNER} peer map=starter\n", user)


async def set_passwords(connection: HubConnection, secret: str, *, is_random: bool) -> None:
    """Set the password of the owner to `secret` and those of the roles to derived ones; create missing roles."""
    if is_random:  # more rounds make 256 random bits no harder to guess, and would slow each login
        await connection.execute("SET scram_iterations = 1")
    for role, attributes in _ATTRIBUTES.items():
        existing = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if await existing.fetchone() is None:
            await connection.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))
        await _set_password(connection, role, derive_password(secret, role))
    await _set_password(connection, OWNER, secret)


async def _set_password(connection: HubConnection, name: str, password: str) -> None:
    """Set a password by its verifier, so that no logged statement contains the password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    await connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier)))


def derive_password(secret: str, role: str) -> str:
    """Return the password of a role."""
    digest = hmac.digest(secret.encode(), f"integrahub login {role}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _write(file: Path, text: str, user: ProcessUser) -> None:
    """Replace a file of the cluster. Follow no link: the user of the server owns the folder and could place one."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        os.fchown(descriptor, user.uid, user.gid)
    os.replace(fresh, file)


def url_as(url: str, role: str) -> str:
    """Return the URL of the owner with the login of a role instead."""
    parts = urlsplit(url)
    password = derive_password(unquote(parts.password or ""), role)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"))


def write_url(file: Path, url: str) -> None:
    """Write a URL with its password to a file that only the user of this process can read."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(url, "utf-8")
    fresh.replace(file)
