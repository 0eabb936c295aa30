"""Logs: a sentence and an `action`, as one JSON object a line or as text for people."""

import logging
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any, BinaryIO, TextIO, cast

import msgspec
import structlog

from integrahub.domain.untrusted_text import escape_controls, escape_controls_in_lines
from integrahub.telemetry.lasting_output import LastingOutput

# Every kind of key the hub makes or ever made; what the operator chose is told to `configure`.
_KEY = re.compile(r"ihub_[a-z]+_\w+")
# PostgreSQL repeats the row there; in a traceback it goes on after that.
_ROW = re.compile(r"\n?(?:DETAIL|CONTEXT):.*?(?=\n(?:  |\n|The above|During|Traceback)|\Z)", re.DOTALL)

# In an encoded line: what `conceal` and `_harmless` may have to change, or may not.
_SUSPECT = [b"\x7f", b"\\u00", b"ihub_", b"DETAIL:", b"CONTEXT:"]
_FIRST = ("timestamp", "level", "event")  # what a person who reads the lines looks for
_SHORTEST = 4  # characters: a shorter secret would mask half of what is logged
_secrets: re.Pattern[str] | None = None


def conceal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Whatever looks like a key is masked, and what PostgreSQL repeats of a row, a price among it, is left out."""
    return {name: value if name == "exc_info" else _concealed(value) for name, value in event.items()}


def _concealed(value: Any) -> Any:
    if isinstance(value, str):
        masked = _masked(value)
        return _ROW.sub("", masked) if "DETAIL:" in masked or "CONTEXT:" in masked else masked
    if isinstance(value, dict):
        return {_concealed(name): _concealed(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_concealed(part) for part in value]
    # Renderers print these by their repr, after this.
    return _concealed(repr(value)) if isinstance(value, BaseException | bytes) else value


def _masked(text: str) -> str:
    masked = _KEY.sub("ihub_***", text) if "ihub_" in text else text
    return _secrets.sub("***", masked) if _secrets else masked


def _pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    known = _long_enough(secrets)
    return re.compile("|".join(map(re.escape, known))) if known else None


def _long_enough(secrets: Iterable[str]) -> list[str]:
    """Longest first, so that a secret which begins with another is masked whole."""
    return sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)


def _traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    told = StringIO()
    structlog.dev.plain_traceback(told, error)
    out.write(escape_controls_in_lines(_concealed(told.getvalue())))


def _harmless(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape what a client's text could command a terminal with; JSON escapes line ends by itself."""
    return {name: value if name == "exc_info" else _escaped(value) for name, value in event.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else escape_controls_in_lines(value)
    if isinstance(value, dict):
        return {_escaped(name): _escaped(part) for name, part in value.items()}
    return [_escaped(part) for part in value] if isinstance(value, list | tuple) else value


def _one_line(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The sentence of a text log is printed as it is: it must not look like two lines."""
    return {**event, "event": escape_controls(str(event.get("event", "")))}


class _Json:
    """The last step of the JSON form: one object a line, in bytes.

    Most lines hold nothing to hide or to escape, which one look at the encoded line proves: two lines for each batch
    must cost next to nothing.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._encoder = msgspec.json.Encoder(enc_hook=repr)
        self._suspect = [*_SUSPECT, *(self._encoder.encode(secret)[1:-1] for secret in _long_enough(secrets))]

    def __call__(self, _: Any, __: str, event: structlog.typing.EventDict) -> bytes:
        event = {**{name: event.get(name) for name in _FIRST}, **event}
        line = self._encoded(event)
        if line is not None and line.isascii() and not any(part in line for part in self._suspect):
            return line
        safe = _harmless(None, "", conceal(None, "", event))
        return self._encoded(safe) or self._encoder.encode({str(name): repr(value) for name, value in safe.items()})

    def _encoded(self, event: structlog.typing.EventDict) -> bytes | None:
        try:
            return self._encoder.encode(event)
        except (TypeError, ValueError):  # a key that is no text, half of a surrogate pair
            return None


def is_text(form: str) -> bool:
    """Return whether logs of this form are for people: `text`, or `auto` on a terminal."""
    return form == "text" or (form == "auto" and sys.stderr.isatty())


def configure(level: str, form: str, secrets: Iterable[str] = (), process: dict[str, str] | None = None) -> None:
    """Set up logs of this process; `form` is `json`, `text`, or `auto`: text on a terminal, JSON elsewhere.

    `secrets` are values that never show: keys and passwords the operator chose, which have no shape of their own.
    `process` stands in every line, with host and process id, so that lines of several processes can be told apart; it
    is given once, by a process that never configures its logs again.
    Tracebacks never show local variables: they may hold keys and prices.
    """
    global _secrets
    secrets = list(secrets)
    _secrets = _pattern_of(secrets)
    as_text = is_text(form)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _adding({} if as_text or process is None else {**process, **_place()}),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_text_processors() if as_text else _json_processors(secrets)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, LastingOutput(sys.stderr)))
        if as_text
        else structlog.BytesLoggerFactory(cast(BinaryIO, LastingOutput(sys.stderr.buffer))),
        cache_logger_on_first_use=process is not None,
    )


def _text_processors() -> list[structlog.typing.Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)
    return [structlog.processors.UnicodeDecoder(), conceal, _harmless, _one_line, renderer]


def _json_processors(secrets: list[str]) -> list[structlog.typing.Processor]:
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(traceback), _Json(secrets)]


def _place() -> dict[str, str | int]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _adding(facts: Mapping[str, str | int]) -> structlog.typing.Processor:
    """Return a processor that puts these facts under whatever a line tells itself."""

    def add(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**facts, **event}

    return add
