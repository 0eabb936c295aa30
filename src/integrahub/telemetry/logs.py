"""Logs: a sentence and an `action`, as JSON or as text for people."""

import logging
import re
import sys
from collections.abc import Iterable
from io import StringIO
from typing import Any, TextIO

import structlog

# Every kind of key the hub makes or ever made; what the operator chose is told to `configure`.
_KEY = re.compile(r"ihub_[a-z]+_\w+")
# PostgreSQL repeats the row there; in a traceback it goes on after that.
_ROW = re.compile(r"\n?(?:DETAIL|CONTEXT):.*?(?=\n(?:  |\n|The above|During|Traceback)|\Z)", re.DOTALL)

_SHORTEST = 4  # characters: a shorter secret would mask half of what is logged
_secrets: re.Pattern[str] | None = None


def conceal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Whatever looks like a key is masked, and what PostgreSQL repeats of a row, a price among it, is left out."""
    return {name: value if name == "exc_info" else _concealed(value) for name, value in event.items()}


def _concealed(value: Any) -> Any:
    if isinstance(value, str):
        return _ROW.sub("", _masked(value))
    if isinstance(value, dict):
        return {_concealed(name): _concealed(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_concealed(part) for part in value]
    # Renderers print these by their repr, after this.
    return _concealed(repr(value)) if isinstance(value, BaseException | bytes) else value


def _masked(text: str) -> str:
    masked = _KEY.sub("ihub_***", text)
    return _secrets.sub("***", masked) if _secrets else masked


def _pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Longest first, so that a secret which begins with another is masked whole."""
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known))) if known else None


def _traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    told = StringIO()
    structlog.dev.plain_traceback(told, error)
    out.write(_concealed(told.getvalue()))


def configure(level: str, form: str, secrets: Iterable[str] = ()) -> None:
    """Set up logs of this process; `form` is `json`, `text`, or `auto`: text on a terminal, JSON elsewhere.

    `secrets` are values that never show: keys and passwords the operator chose, which have no shape of their own.
    Tracebacks never show local variables: they may hold keys and prices.
    """
    global _secrets
    _secrets = _pattern_of(secrets)
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=_traceback)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.UnicodeDecoder() if as_text else structlog.processors.ExceptionRenderer(traceback),
            conceal,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
