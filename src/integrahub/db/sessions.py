"""Options of every PostgreSQL session of the hub; variables of the environment for libpq cannot change them."""

import os
from typing import TypedDict

# A server, a database or a role may have other defaults; each of these would change what the hub reads or stores.
_OPTIONS = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 "
    "-c search_path=public -c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off "
    "-c default_transaction_deferrable=off -c row_security=on"
)
# libpq sends the values of these variables after `options`, so they would override them.
_SESSION_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGCLIENTENCODING", "PGOPTIONS")


class Session(TypedDict):
    """Arguments of `connect` that all connections share."""

    client_encoding: str
    options: str


def session(options: str = "") -> Session:
    """Return the arguments of `connect`, with additional `-c name=value`.

    Remove the environment variables that would override them.
    """
    for name in _SESSION_VARIABLES:
        os.environ.pop(name, None)
    return {"client_encoding": "UTF8", "options": f"{_OPTIONS} {options}".strip()}


def ignore_libpq_variables() -> None:
    """Remove all variables of libpq from this process, so that the URL alone names the database."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
