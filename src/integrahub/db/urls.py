"""Database URLs: validate them, and show them without secrets."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from psycopg import Error

_EXPECTED = "expected postgresql://user:password@host:5432/name"
_PARAMETER = re.compile(r'invalid URI query parameter: "(\w+)"')


def parse_database_url(url: str) -> str:
    """Return the URL if libpq can read it. Raise ValueError, whose message never contains the password."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in ("postgresql", "postgres") and (scheme or "=" not in url):
        raise ValueError(f"{scheme + ' is not PostgreSQL; ' if scheme.isalnum() else ''}{_EXPECTED}")
    try:
        parts = _parse(url)
    except ValueError as error:
        unknown = _PARAMETER.search(str(error))
        reason = f"libpq knows no parameter {unknown[1]!r}" if unknown else "libpq cannot read it"
        raise ValueError(f"{reason}; {_EXPECTED}. Write @ : / in a password as %40 %3A %2F") from None
    if "@" in parts.get("host", ""):
        raise ValueError(f"there is an @ too many; {_EXPECTED}. Write @ : / in a password as %40 %3A %2F")
    for port in (parts.get("port") or "5432").split(","):
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"there is no such port; {_EXPECTED}")
    return url


def shown_database(url: str) -> str:
    """Return user, host, port and name of a database, without secrets."""
    try:
        parts = _parse(url)
    except ValueError:
        return "DATABASE_URL"
    user, host, port, name = (parts.get(part, "") for part in ("user", "host", "port", "dbname"))
    login = f"{quote(user)}@" if user else ""
    if host.startswith("/"):
        return f"postgresql://{login}/{name} at {host}"
    return f"postgresql://{login}{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}/{name}"


def _parse(url: str) -> dict[str, str]:
    """Return the parameters of a URL as libpq reads them. Raise ValueError, whose message may contain the URL."""
    from psycopg import ProgrammingError  # imported late: every process reads settings, only some use a database
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except ProgrammingError as error:
        raise ValueError(str(error)) from None


def first_line(error: "Error") -> str:
    """Return the message of PostgreSQL or libpq in one line."""
    text = error.diag.message_primary or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(".")
