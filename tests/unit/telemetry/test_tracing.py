"""Traces by OTLP: one id from the post on, the same in every process; all spans below the post's."""

from collections.abc import Iterator

import pytest
from tests.otlp import Collector

from integrahub.domain.ids import uuid7
from integrahub.telemetry import tracing


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_spans_of_two_processes_are_of_one_trace_and_hang_on_the_post(collector: Collector) -> None:
    batch = uuid7()
    with tracing.export_spans(collector.url, 1.0, "api"), tracing.root_span("POST request", batch, path="/v1"):
        pass
    with tracing.export_spans(collector.url, 1.0, "worker"):
        with pytest.raises(ArithmeticError), tracing.span("upsert", batch, chunk=3):
            raise ArithmeticError("does not add up")
        with tracing.span("finish", batch):
            pass
    post, upsert, finish = collector.spans
    assert {span.trace_id for span in collector.spans} == {batch.bytes}
    assert upsert.parent_span_id == finish.parent_span_id == post.span_id == batch.bytes[8:]
    assert not post.parent_span_id and upsert.span_id != finish.span_id
    assert [event.name for event in upsert.events] == ["exception"]
    assert upsert.attributes[0].key == "integrahub.chunk" and upsert.attributes[0].value.string_value == "3"


def test_a_share_of_traces_is_the_same_share_in_every_process(collector: Collector) -> None:
    batches = [uuid7() for _ in range(400)]
    for _ in range(2):
        with tracing.export_spans(collector.url, 0.25, "any"):
            for batch in batches:
                with tracing.span("split", batch), tracing.root_span("POST", batch):
                    pass
    sent = {span.trace_id for span in collector.spans}
    assert 40 < len(sent) < 180 and len(collector.spans) == 4 * len(sent)


def test_without_an_address_nothing_is_sent_and_nothing_imported() -> None:
    with tracing.export_spans(None, 1.0, "api"), tracing.root_span("POST", uuid7()), tracing.span("split", uuid7()):
        assert tracing._exporter is None


def test_a_message_tells_its_trace_as_w3c_has_it_and_whether_spans_of_it_are_sent(collector: Collector) -> None:
    batch = uuid7()
    silent = tracing.format_traceparent(batch)
    with tracing.export_spans(collector.url, 1.0, "api"):
        sampled = tracing.format_traceparent(batch)
    assert (silent, sampled) == tuple(f"00-{batch.hex}-{batch.hex[16:]}-{flag}" for flag in ("00", "01"))
    assert tracing.parse_traceparent(silent) == tracing.parse_traceparent(sampled) == batch


@pytest.mark.parametrize("header", ["", "00", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'g' * 32}-{'1' * 16}-01"])
def test_a_header_that_names_no_trace_is_none(header: str) -> None:
    assert tracing.parse_traceparent(header) is None
