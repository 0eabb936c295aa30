"""How each session with PostgreSQL begins: with the hub's settings, whatever the environment holds for libpq."""

import os
from typing import TypedDict

# A server, a database or a role may have other defaults; each of these would change what the hub reads or stores.
_OPTIONS = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 "
    "-c search_path=public -c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off "
    "-c default_transaction_deferrable=off -c row_security=on"
)
# libpq sends these when a session begins, and there they win over `options`.
_SESSION_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGCLIENTENCODING", "PGOPTIONS")


class Session(TypedDict):
    """The arguments of `connect` that every connection of the hub has."""

    client_encoding: str
    options: str


def session(options: str = "") -> Session:
    """Return those arguments, with further `-c name=value`. Remove what libpq would send over them."""
    for name in _SESSION_VARIABLES:
        os.environ.pop(name, None)
    return {"client_encoding": "UTF8", "options": f"{_OPTIONS} {options}".strip()}


def ignore_libpq_variables() -> None:
    """Remove every variable of libpq from this process, so that only a URL says where the database is."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
