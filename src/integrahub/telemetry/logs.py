"""Log configuration: JSON lines or text, with secrets masked and control characters escaped."""

import logging
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, BinaryIO, TextIO, cast

import msgspec
import structlog

from integrahub.domain.untrusted_text import escape_controls, escape_controls_in_lines
from integrahub.telemetry.lasting_output import LastingOutput

# Keys that the hub generates. `configure` receives the secrets that the operator chose.
_KEY = re.compile(r"ihub_[a-z]+_\w+")
# Parts of a PostgreSQL error that repeat row values; the pattern ends where a traceback continues.
_ROW = re.compile(r"\n?(?:DETAIL|CONTEXT):.*?(?=\n(?:  |\n|The above|During|Traceback)|\Z)", re.DOTALL)

# An encoded line without any of these needs neither `conceal` nor `_escape_event`.
_SUSPICIOUS_BYTES = [b"\x7f", b"\\u00", b"ihub_", b"DETAIL:", b"CONTEXT:"]
_FIRST_FIELDS = ("timestamp", "level", "event")
_MIN_SECRET_LENGTH = 4  # masking shorter secrets would make logs unreadable
_MAX_PIECE_BYTES = 4096  # processes may share a pipe, which takes no more than this in one piece
_secrets: re.Pattern[str] | None = None
_log = structlog.get_logger()


def conceal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Mask keys and secrets in an event, and remove row values that PostgreSQL repeats in its errors."""
    return {name: value if name == "exc_info" else _conceal_value(value) for name, value in event.items()}


def _conceal_value(value: Any) -> Any:
    if isinstance(value, str):
        masked = _mask(value)
        return _ROW.sub("", masked) if "DETAIL:" in masked or "CONTEXT:" in masked else masked
    if isinstance(value, dict):
        return {_conceal_value(name): _conceal_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_conceal_value(part) for part in value]
    # A later processor prints these by their repr.
    return _conceal_value(repr(value)) if isinstance(value, BaseException | bytes) else value


def _mask(text: str) -> str:
    masked = _KEY.sub("ihub_***", text) if "ihub_" in text else text
    return _secrets.sub("***", masked) if _secrets else masked


def _compile_secrets(secrets: Iterable[str]) -> re.Pattern[str] | None:
    maskable = _maskable(secrets)
    return re.compile("|".join(map(re.escape, maskable))) if maskable else None


def _maskable(secrets: Iterable[str]) -> list[str]:
    """Return secrets of sufficient length, longest first: a secret may begin with another one."""
    return sorted({secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH}, key=len, reverse=True)


def _write_traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, error)
    out.write(escape_controls_in_lines(_conceal_value(text.getvalue())))


def _escape_event(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape control characters, with which client text could control a terminal. JSON itself escapes line ends."""
    return {name: value if name == "exc_info" else _escape_value(value) for name, value in event.items()}


def _escape_value(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else escape_controls_in_lines(value)
    if isinstance(value, dict):
        return {_escape_value(name): _escape_value(part) for name, part in value.items()}
    return [_escape_value(part) for part in value] if isinstance(value, list | tuple) else value


def _join_lines(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape line ends in the event text, so that one event is one line of a text log."""
    return {**event, "event": escape_controls(str(event.get("event", "")))}


class _JsonRenderer:
    """Render an event as one JSON object in bytes.

    A fast check of the encoded line skips masking and escaping for most lines: each batch logs two lines.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._encoder = msgspec.json.Encoder(enc_hook=repr)
        self._suspicious = [*_SUSPICIOUS_BYTES, *(self._encoder.encode(secret)[1:-1] for secret in _maskable(secrets))]

    def __call__(self, _: Any, __: str, event: structlog.typing.EventDict) -> bytes:
        event = {**{name: event.get(name) for name in _FIRST_FIELDS}, **event}
        line = self._encode(event)
        if line is not None and line.isascii() and not any(part in line for part in self._suspicious):
            return line
        safe = _escape_event(None, "", conceal(None, "", event))
        return self._encode(safe) or self._encoder.encode({str(name): repr(value) for name, value in safe.items()})

    def _encode(self, event: structlog.typing.EventDict) -> bytes | None:
        try:
            return self._encoder.encode(event)
        except (TypeError, ValueError):  # a key that is no string, or an unpaired surrogate
            return None


class _GroupWriter:
    """Writes the lines of one event in few pieces: each line as the logger writes it, all with one time."""

    def __init__(
        self, common: Sequence[structlog.typing.Processor], own: Sequence[structlog.typing.Processor], output: BinaryIO
    ) -> None:
        self._common = common
        self._own = own
        self._logger = structlog.BytesLogger(output)

    def is_replaced(self) -> bool:
        """Return whether the log has other processors now, as in a test that captures it."""
        return bool(structlog.get_config()["processors"][-1:] != list(self._own[-1:]))

    def write(self, event: str, entries: Iterable[Mapping[str, object]]) -> None:
        piece: list[bytes] = []
        size = 0
        for line in self._render(event, entries):
            if piece and size + len(line) >= _MAX_PIECE_BYTES:
                self._logger.msg(b"\n".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += len(line) + 1
        if piece:
            self._logger.msg(b"\n".join(piece))

    def _render(self, event: str, entries: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
        shared: Any = {"event": event}
        for process in self._common:
            shared = process(None, "info", shared)
        context = structlog.contextvars.get_contextvars()
        for entry in entries:
            line: Any = {**shared, **entry}
            for name, value in context.items():
                line.setdefault(name, value)
            for process in self._own:
                line = process(None, "info", line)
            yield line


_group_writer: _GroupWriter | None = None


def info_all(event: str, entries: Iterable[Mapping[str, object]]) -> None:
    """Log an event at level INFO once for each of these fields. Many lines cost less than one by one."""
    if _group_writer is None or _group_writer.is_replaced():
        for entry in entries:
            _log.info(event, **entry)
    else:
        _group_writer.write(event, entries)


def is_text(form: str) -> bool:
    """Return whether this log format is text: `text`, or `auto` on a terminal."""
    return form == "text" or (form == "auto" and sys.stderr.isatty())


def configure(level: str, form: str, secrets: Iterable[str] = (), process: dict[str, str] | None = None) -> None:
    """Configure the logs of this process. `form` is `json`, `text`, or `auto`: text on a terminal, else JSON.

    `secrets` are values that every line masks: keys and passwords that the operator chose. `process` is added to every
    JSON line, with host and process id; a process that passes it must not configure its logs again. Tracebacks never
    contain local variables, because these may hold keys and prices.
    """
    global _secrets, _group_writer
    secrets = list(secrets)
    _secrets = _compile_secrets(secrets)
    as_text, least = is_text(form), logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    common: list[structlog.typing.Processor] = [
        _add_fields({} if as_text or process is None else {**process, **_host_and_pid()}),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    own = _text_processors() if as_text else _json_processors(secrets)
    output = cast(BinaryIO, LastingOutput(sys.stderr.buffer))
    _group_writer = None if as_text or least > logging.INFO else _GroupWriter(common, own, output)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, *own],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, LastingOutput(sys.stderr)))
        if as_text
        else structlog.BytesLoggerFactory(output),
        cache_logger_on_first_use=process is not None,
    )


def _text_processors() -> list[structlog.typing.Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)
    return [structlog.processors.UnicodeDecoder(), conceal, _escape_event, _join_lines, renderer]


def _json_processors(secrets: list[str]) -> list[structlog.typing.Processor]:
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(traceback), _JsonRenderer(secrets)]


def _host_and_pid() -> dict[str, str | int]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _add_fields(facts: Mapping[str, str | int]) -> structlog.typing.Processor:
    """Return a processor that adds these fields to each event; the event's own fields win."""

    def add(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**facts, **event}

    return add
