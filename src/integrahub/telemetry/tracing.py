"""Traces: one id from the post to the last thing done for it. A batch's trace is its id, so no step needs to be told.

Every span of a batch hangs on the span of its post, whose id is the lower half of the trace's. Spans are sent only
where an address for them is set; without it a span costs nothing.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol
from uuid import UUID

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

_NOTHING = nullcontext()
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


class Exporter(Protocol):
    """Where spans go."""

    def root(self, name: str, trace: UUID, facts: dict[str, str]) -> AbstractContextManager[None]:
        """The span all others of the trace hang on."""
        ...

    def span(self, name: str, trace: UUID, facts: dict[str, str]) -> AbstractContextManager[None]:
        """A span of work done for the trace."""
        ...

    def wanted(self, trace: UUID) -> bool:
        """Whether spans of the trace are sent."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


_exporter: Exporter | None = None


class bind_trace:
    """What is logged in the block tells the trace and these facts."""

    __slots__ = ("_tokens", "_told")

    def __init__(self, trace: UUID, **facts: object) -> None:
        self._told = {"trace_id": trace.hex} | {name: str(fact) for name, fact in facts.items()}

    def __enter__(self) -> None:
        self._tokens = bind_contextvars(**self._told)

    def __exit__(self, *_: object) -> None:
        reset_contextvars(**self._tokens)


def current_trace_id() -> str:
    """The trace of what is being done, or ''."""
    return str(get_contextvars().get("trace_id", ""))


def format_traceparent(trace: UUID) -> str:
    """How a message tells its trace to whoever reads it (W3C Trace Context): its parent is the span of the post."""
    sampled = _exporter is not None and _exporter.wanted(trace)
    return f"00-{trace.hex}-{trace.hex[16:]}-{'01' if sampled else '00'}"


def parse_traceparent(traceparent: str) -> UUID | None:
    """The trace a message tells; None where it tells none that can be read."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return UUID(found[1]) if found and int(found[1], 16) else None


def root_span(name: str, trace: UUID, **facts: object) -> AbstractContextManager[None]:
    """The span of the post, or of another request."""
    return _exporter.root(name, trace, _told(facts)) if _exporter else _NOTHING


def span(name: str, trace: UUID, **facts: object) -> AbstractContextManager[None]:
    """A span of a step; an exception that leaves the block is told with it."""
    return _exporter.span(name, trace, _told(facts)) if _exporter else _NOTHING


def _told(facts: dict[str, object]) -> dict[str, str]:
    return {f"integrahub.{name}": str(fact) for name, fact in facts.items()}


@contextmanager
def export_spans(url: str | None, share: float, service: str) -> Iterator[None]:
    """Send spans of a `share` of traces to the OTLP collector at `url` while the block runs; None: to nobody.

    ConfigurationError when the extra `traces` is not installed.
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
