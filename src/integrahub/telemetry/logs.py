"""Logs: a sentence and an `action`, as JSON or as text for people."""

import logging
import sys

import structlog


def configure(level: str, form: str) -> None:
    """Set up logs of this process; `form` is `json`, `text`, or `auto`: text on a terminal, JSON elsewhere.

    Tracebacks never show local variables: they may hold keys and prices.
    """
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
