"""Traces: one trace per batch, from its post to its end. The trace id is the batch id, so steps need no context.

The parent of every span is the span of the post, whose id is the lower half of the trace id. Spans are sent only if a
collector is configured; otherwise they cost nothing.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol
from uuid import UUID

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

_NO_SPAN = nullcontext()
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


class Exporter(Protocol):
    """Port of an exporter of spans."""

    def root(self, name: str, trace: UUID, facts: dict[str, str]) -> AbstractContextManager[None]:
        """Open the root span of a trace."""
        ...

    def span(self, name: str, trace: UUID, facts: dict[str, str]) -> AbstractContextManager[None]:
        """Open a child of the root span."""
        ...

    def is_sampled(self, trace: UUID) -> bool:
        """Return whether spans of the trace are sent."""
        ...

    def close(self) -> None:
        """Send the remaining spans."""
        ...


_exporter: Exporter | None = None


class bind_trace:
    """Add the trace id and these fields to all log lines of the block."""

    __slots__ = ("_fields", "_tokens")

    def __init__(self, trace: UUID, **facts: object) -> None:
        self._fields = {"trace_id": trace.hex} | {name: str(fact) for name, fact in facts.items()}

    def __enter__(self) -> None:
        self._tokens = bind_contextvars(**self._fields)

    def __exit__(self, *_: object) -> None:
        reset_contextvars(**self._tokens)


def current_trace_id() -> str:
    """Return the trace id bound to the running code, or an empty string."""
    return str(get_contextvars().get("trace_id", ""))


def format_traceparent(trace: UUID) -> str:
    """Return the W3C `traceparent` header of a trace, with the span of the post as parent."""
    return f"00-{trace.hex}-{trace.hex[16:]}-{'01' if is_sampled(trace) else '00'}"


def is_sampled(trace: UUID) -> bool:
    """Return whether spans of the trace are sent."""
    return _exporter is not None and _exporter.is_sampled(trace)


def parse_traceparent(traceparent: str) -> UUID | None:
    """Return the trace of a W3C `traceparent` header, or None if the header is invalid."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return UUID(match[1]) if match and int(match[1], 16) else None


def root_span(name: str, trace: UUID, **facts: object) -> AbstractContextManager[None]:
    """Open the root span of a request."""
    return _exporter.root(name, trace, _attributes(facts)) if _exporter else _NO_SPAN


def span(name: str, trace: UUID, **facts: object) -> AbstractContextManager[None]:
    """Open a span of a step; it records an exception that leaves the block."""
    return _exporter.span(name, trace, _attributes(facts)) if _exporter else _NO_SPAN


def _attributes(facts: dict[str, object]) -> dict[str, str]:
    return {f"integrahub.{name}": str(fact) for name, fact in facts.items()}


@contextmanager
def export_spans(url: str | None, share: float, service: str) -> Iterator[None]:
    """Send the spans of a `share` of traces to the OTLP collector at `url` while the block runs, none without a URL.

    Raise ConfigurationError if the extra `traces` is not installed.
    """
    global _exporter
    if url is None:
        yield
        return
    from integrahub.telemetry.otlp import OtlpExporter

    _exporter = OtlpExporter(url, share, service)
    try:
        yield
    finally:
        _exporter.close()
        _exporter = None
