"""Explanations of errors that verbs do not handle. Imported only after an error."""

from pydantic import ValidationError

from integrahub.cli.diagnostics.setting_errors import describe_setting_errors
from integrahub.client import ApiError

_HINTS = {
    "unreachable": "`integrahub up` starts a hub; INTEGRAHUB_URL is the address of another one, and INTEGRAHUB_CA the "
    "file of its certificate authority.",
    "redirected": "Set INTEGRAHUB_URL.",
    "answer_unreadable": "Set INTEGRAHUB_URL.",
    "key_missing": "Set INTEGRAHUB_KEY; the operator's key was shown at the hub's first start. If the hub keeps it, "
    "run the command in the folder that holds integrahub-data, or set INTEGRAHUB_DATA_DIR to the hub's data folder.",
}


def add_hint(message: str, code: str) -> str:
    """Return the message of an error, and for some codes the setting that corrects it."""
    return f"{message} {_HINTS[code]}" if code in _HINTS else message


def explain_error(error: Exception) -> tuple[int, list[str]] | None:
    """Return the exit code and the sentences to print; None for an unknown error."""
    if isinstance(error, ValidationError):
        return 2, describe_setting_errors(error)
    if isinstance(error, ApiError):
        return 1, [add_hint(str(error), error.code)]
    import psycopg  # last: client verbs do not need it

    from integrahub.db.urls import first_line

    if isinstance(error, psycopg.Error):
        return 1, [f"PostgreSQL reports an error: {first_line(error)}. Check INTEGRAHUB_DATABASE_URL."]
    return None
