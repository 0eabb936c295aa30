"""Export of spans over OTLP/HTTP. Needs the extra `traces`; imported only if TRACES_URL is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from integrahub.domain.errors import missing_extra

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
except ImportError as missing:
    raise missing_extra("INTEGRAHUB_TRACES_URL is set, but the OpenTelemetry client", "traces") from missing

_SPAN_ID_MASK = (1 << 64) - 1
_root: ContextVar[UUID | None] = ContextVar("root", default=None)


class _TraceIdGenerator(IdGenerator):
    """Derive the ids of a root span from its trace; make random ids for all other spans."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        trace = _root.get()
        return trace.int if trace else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        trace = _root.get()
        return trace.int & _SPAN_ID_MASK if trace else self._random.generate_span_id()


class OtlpExporter:
    """Export spans with a private provider: libraries send their spans to the global one, which stays unused."""

    def __init__(self, url: str, share: float, service: str) -> None:
        self._share = int(share * 1000)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}),
            id_generator=_TraceIdGenerator(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
        self._tracer = self._provider.get_tracer("integrahub")

    @contextmanager
    def root(self, name: str, trace: UUID, facts: dict[str, str]) -> Iterator[None]:
        """Open the root span of a trace."""
        if not self.is_sampled(trace):
            yield
            return
        token = _root.set(trace)
        try:
            span = self._tracer.start_span(name, attributes=facts)
        finally:
            _root.reset(token)
        try:
            yield
        except BaseException as error:
            span.record_exception(error)
            raise
        finally:
            span.end()

    @contextmanager
    def span(self, name: str, trace: UUID, facts: dict[str, str]) -> Iterator[None]:
        """Open a child of the root span, in any process."""
        if not self.is_sampled(trace):
            yield
            return
        parent = SpanContext(
            trace.int, trace.int & _SPAN_ID_MASK, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
        )
        context = set_span_in_context(NonRecordingSpan(parent))
        with self._tracer.start_as_current_span(name, context=context, attributes=facts):
            yield

    def is_sampled(self, trace: UUID) -> bool:
        """Return whether the trace is sent; all processes decide alike, by the trace id."""
        return trace.int % 1000 < self._share

    def close(self) -> None:
        """Send the remaining spans, for a few seconds at most."""
        self._provider.shutdown()
