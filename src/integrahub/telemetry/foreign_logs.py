"""What libraries, warnings and uncaught exceptions say goes through the hub's own log: one form, one object a line."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog

_log = structlog.get_logger()
_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)


class _Forward(logging.Handler):
    """Hands a library's record to the hub's log, its traceback as a field."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record; a message that does not fit its arguments is logged without them."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        level = next((known for known in _LEVELS if record.levelno >= known), logging.DEBUG)
        _log.log(level, text.strip(), action="library", library=record.name, exc_info=record.exc_info)


@contextmanager
def captured(level: str) -> Iterator[None]:
    """Log what libraries say while the block runs: warnings and worse, with DEBUG everything from INFO up."""
    root, forward = logging.getLogger(), _Forward()
    before = root.level, root.handlers[:], sys.excepthook, threading.excepthook, sys.unraisablehook
    root.handlers[:] = [forward]
    root.setLevel(logging.INFO if level.upper() == "DEBUG" else logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _uncaught_in_thread, _ignored
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        sys.excepthook, threading.excepthook, sys.unraisablehook = before[2:]


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("uncaught exception", action="library", exc_info=(kind, error, trace))


def _uncaught_in_thread(given: Any) -> None:
    _log.critical("uncaught exception in a thread", action="library", thread=str(given.thread), exc_info=_of(given))


def _ignored(given: Any) -> None:
    _log.error(
        given.err_msg or "exception ignored", action="library", object=repr(given.object)[:200], exc_info=_of(given)
    )


def _of(given: Any) -> tuple[Any, Any, Any]:
    return given.exc_type, given.exc_value, given.exc_traceback
