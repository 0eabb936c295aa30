"""Route log records of libraries, warnings and uncaught exceptions into the hub's own log."""

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
    """Pass records of libraries to the hub's log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record, without its arguments if they do not fit its message."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        level = next((level for level in _LEVELS if record.levelno >= level), logging.DEBUG)
        _log.log(level, text.strip(), action="library", library=record.name, exc_info=record.exc_info)


@contextmanager
def capture_foreign_logs(level: str) -> Iterator[None]:
    """Route foreign records into the hub's log while the block runs: from WARNING, or from INFO if `level` is DEBUG."""
    root, forward = logging.getLogger(), _Forward()
    before = root.level, root.handlers[:], sys.excepthook, threading.excepthook, sys.unraisablehook
    root.handlers[:] = [forward]
    root.setLevel(logging.INFO if level.upper() == "DEBUG" else logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _log_uncaught, _log_uncaught_in_thread, _log_unraisable
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        sys.excepthook, threading.excepthook, sys.unraisablehook = before[2:]


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("uncaught exception", action="library", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: Any) -> None:
    _log.critical("uncaught exception in a thread", action="library", thread=str(args.thread), exc_info=_exc_info(args))


def _log_unraisable(args: Any) -> None:
    _log.error(
        args.err_msg or "exception ignored", action="library", object=repr(args.object)[:200], exc_info=_exc_info(args)
    )


def _exc_info(args: Any) -> tuple[Any, Any, Any]:
    return args.exc_type, args.exc_value, args.exc_traceback
