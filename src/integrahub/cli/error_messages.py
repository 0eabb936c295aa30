"""Failures that verbs let through, as sentences for people. Imported once something failed."""

from pydantic import ValidationError

from integrahub.cli.diagnostics.setting_errors import setting_faults
from integrahub.client.client import ApiError


def explained(error: Exception) -> tuple[int, list[str]] | None:
    """Return the exit code and what to say of a failure; None for one that nothing here knows."""
    if isinstance(error, ValidationError):
        return 2, setting_faults(error)
    if isinstance(error, ApiError):
        return 1, [str(error)]
    import psycopg  # last: what a client of the hub fails by needs no client of PostgreSQL

    from integrahub.db.urls import first_line

    if isinstance(error, psycopg.Error):
        return 1, [f"PostgreSQL does not do what was asked: {first_line(error)}. Check DATABASE_URL."]
    return None
