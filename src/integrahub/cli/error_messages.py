"""Explanations of errors that verbs do not handle. Imported only after an error."""

from pydantic import ValidationError

from integrahub.cli.diagnostics.setting_errors import describe_setting_errors
from integrahub.client import ApiError


def explain_error(error: Exception) -> tuple[int, list[str]] | None:
    """Return the exit code and the sentences to print; None for an unknown error."""
    if isinstance(error, ValidationError):
        return 2, describe_setting_errors(error)
    if isinstance(error, ApiError):
        return 1, [str(error)]
    import psycopg  # last: client verbs do not need it

    from integrahub.db.urls import first_line

    if isinstance(error, psycopg.Error):
        return 1, [f"PostgreSQL reports an error: {first_line(error)}. Check DATABASE_URL."]
    return None
