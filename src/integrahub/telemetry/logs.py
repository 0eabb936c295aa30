"""Logs: a sentence and an `action`, as JSON or as text for people."""

import logging
import re
import sys
from io import StringIO
from typing import Any, TextIO

import structlog

_KEY = re.compile(r"\bihub_(?:live|test)_\w+")
# PostgreSQL repeats the row there; in a traceback it goes on after that.
_ROW = re.compile(r"\n?(?:DETAIL|CONTEXT):.*?(?=\n(?:  |\n|The above|During|Traceback)|\Z)", re.DOTALL)


def conceal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Whatever looks like a key is masked, and what PostgreSQL repeats of a row, a price among it, is left out."""
    return {name: _concealed(value) for name, value in event.items()}


def _concealed(value: Any) -> Any:
    if isinstance(value, str):
        return _ROW.sub("", _KEY.sub("ihub_***", value))
    if isinstance(value, dict):
        return {name: _concealed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_concealed(part) for part in value]
    return value


def _traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    told = StringIO()
    structlog.dev.plain_traceback(told, error)
    out.write(_concealed(told.getvalue()))


def configure(level: str, form: str) -> None:
    """Set up logs of this process; `form` is `json`, `text`, or `auto`: text on a terminal, JSON elsewhere.

    Tracebacks never show local variables: they may hold keys and prices.
    """
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
