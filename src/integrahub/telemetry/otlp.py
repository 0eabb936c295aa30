"""Spans to an OpenTelemetry collector, by OTLP over HTTP: the extra `traces`, imported only when an address is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from integrahub.domain.errors import ConfigurationError

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
except ImportError as missing:
    raise ConfigurationError(
        "TRACES_URL is set, but the OpenTelemetry client is not installed: pip install 'integrahub[traces]'."
    ) from missing

_HALF = (1 << 64) - 1
_root: ContextVar[UUID | None] = ContextVar("root", default=None)


class _Ids(IdGenerator):
    """A root span gets the ids its trace stands for, every other span a random one."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        trace = _root.get()
        return trace.int if trace else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        trace = _root.get()
        return trace.int & _HALF if trace else self._random.generate_span_id()


class OtlpExporter:
    """A provider of our own: the framework's spans, which go to the global one, are not sent twice."""

    def __init__(self, url: str, share: float, service: str) -> None:
        self._share = int(share * 1000)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), id_generator=_Ids(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
        self._tracer = self._provider.get_tracer("integrahub")

    @contextmanager
    def root(self, name: str, trace: UUID, facts: dict[str, str]) -> Iterator[None]:
        """The span all others of the trace hang on."""
        if not self.wanted(trace):
            yield
            return
        token = _root.set(trace)
        try:
            opened = self._tracer.start_span(name, attributes=facts)
        finally:
            _root.reset(token)
        try:
            yield
        except BaseException as error:
            opened.record_exception(error)
            raise
        finally:
            opened.end()

    @contextmanager
    def span(self, name: str, trace: UUID, facts: dict[str, str]) -> Iterator[None]:
        """A span of work done for the trace, in whatever process."""
        if not self.wanted(trace):
            yield
            return
        parent = SpanContext(trace.int, trace.int & _HALF, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        context = set_span_in_context(NonRecordingSpan(parent))
        with self._tracer.start_as_current_span(name, context=context, attributes=facts):
            yield

    def wanted(self, trace: UUID) -> bool:
        """The same in every process: the trace decides."""
        return trace.int % 1000 < self._share

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.shutdown()
