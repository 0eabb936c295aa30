"""Addresses of databases: which can be used, and how they are shown without their secrets."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from psycopg import Error

_EXPECTED = "expected postgresql://user:password@host:5432/name"
_PARAMETER = re.compile(r'invalid URI query parameter: "(\w+)"')


def parse_database_url(url: str) -> str:
    """Return an address that libpq can read. ValueError, which never quotes a password, for any other."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in ("postgresql", "postgres") and (scheme or "=" not in url):
        raise ValueError(f"{scheme + ' is not PostgreSQL; ' if scheme.isalnum() else ''}{_EXPECTED}")
    try:
        known = _parts(url)
    except ValueError as error:
        unknown = _PARAMETER.search(str(error))
        told = f"libpq knows no parameter {unknown[1]!r}" if unknown else "libpq cannot read it"
        raise ValueError(f"{told}; {_EXPECTED}. Write @ : / in a password as %40 %3A %2F") from None
    if "@" in str(known.get("host") or ""):
        raise ValueError(f"there is an @ too many; {_EXPECTED}. Write @ : / in a password as %40 %3A %2F")
    for port in str(known.get("port") or "5432").split(","):
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"there is no such port; {_EXPECTED}")
    return url


def shown_database(url: str) -> str:
    """Return user, host, port and name of a database, and nothing secret."""
    try:
        known = _parts(url)
    except ValueError:
        return "DATABASE_URL"
    user, host, port, name = (str(known.get(part) or "") for part in ("user", "host", "port", "dbname"))
    login = f"{quote(user)}@" if user else ""
    if host.startswith("/"):
        return f"postgresql://{login}/{name} at {host}"
    return f"postgresql://{login}{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}/{name}"


def _parts(url: str) -> dict[str, Any]:
    """Return what libpq reads in an address; ValueError, which may quote it, where it cannot."""
    from psycopg import ProgrammingError  # every process reads settings; only those with a database need its client
    from psycopg.conninfo import conninfo_to_dict

    try:
        return dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise ValueError(str(error)) from None


def first_line(error: "Error") -> str:
    """Return what PostgreSQL or libpq said, in one line."""
    text = error.diag.message_primary or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(".")
