"""Live blocks are rendered once a second for all readers of a language."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from msgspec import structs
from starlette.requests import Request

from integrahub.console.pages.overview import RANGES, BatchHour, Bucket, OverviewView
from integrahub.console.rendering import Renderer, _mark_code
from integrahub.db.console.figures_rows import FigureRange
from integrahub.db.console.overview_rows import HubState, OpenCause
from integrahub.monitoring.attention import AttentionItem, AttentionKind, Urgency
from integrahub.monitoring.overview import OverviewSnapshot, Throughput

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _view(attention: Sequence[AttentionItem] = ()) -> OverviewView:
    state = HubState(NOW, False, 0, NOW, 1.0, 10.0, 0.0, 1.0, NOW, 0, 1, 1, 0, None, 0, 0)
    snapshot = OverviewSnapshot(NOW, state, list(attention), [], {}, {}, Throughput(0.0, 0.0, 0.0), {})
    return OverviewView(
        snapshot, FigureRange.HOUR, RANGES, [Bucket(NOW, 1.0, None)], [BatchHour(NOW, 1, 0, 0, 0)], "http://hub", 0.15
    )


def _poll(name: str, language: str, query: bytes = b"") -> Request:
    scope = {"type": "http", "method": "GET", "path": "/console", "query_string": query, "server": ("hub", 80)}
    request = Request(scope | {"scheme": "http", "headers": [(b"live-block", b"now")], "state": {}})
    request.state.person = SimpleNamespace(
        name=name, language=language, theme="light", keys_off=[], needs_password=False, can=lambda role: True
    )
    return request


def test_readers_of_one_language_and_address_share_a_rendering() -> None:
    times = []

    def clock() -> datetime:
        times.append(NOW)
        return NOW

    renderer, template, view = Renderer(clock=clock), "overview/overview.html", _view()
    answers = [renderer.page(_poll(f"Ana {n}", "en"), template, view, is_shared=True).body for n in range(50)]
    assert (len(times), len(set(answers))) == (1, 1)
    for request in (_poll("Ana", "pt-BR"), _poll("Ana", "en", b"range=7d")):
        renderer.page(request, template, view, is_shared=True)
    assert len(times) == 3
    renderer.page(_poll("Ana", "en"), template, view)
    assert len(times) == 4


def test_the_number_of_a_plural_is_written_in_the_language_of_the_page() -> None:
    renderer = Renderer(clock=lambda: NOW)
    template = renderer._environment.from_string('{{ ngettext("%(num)s row", "%(num)s rows", 1392) }}')
    for language, text in (("pt-BR", "1.392 linhas"), ("en", "1,392 rows")):
        assert template.render(renderer._values(_poll("Ana", language), None, None)) == text


def test_counts_that_stopped_at_a_limit_are_said_to_be_more() -> None:
    cause = OpenCause("f", "Timeout", "57014", "merge", "slow", 1001, 3, NOW, NOW)
    items = [AttentionItem(AttentionKind.CAUSE, Urgency.ACT, NOW, cause)] * 20
    html = bytes(Renderer(clock=lambda: NOW).page(_poll("Ana", "en"), "overview/overview.html", _view(items)).body)
    assert b"At least 20 things ask for attention" in html and b"More than 1,000 chunks are stopped" in html


def test_the_use_of_a_whole_disk_is_not_called_that_of_the_storage() -> None:
    renderer, template, view = Renderer(clock=lambda: NOW), "overview/overview.html", _view()
    state = structs.replace(view.snapshot.state, storage_used=5.0, storage_capacity=10.0)
    on_disk = replace(view, snapshot=structs.replace(view.snapshot, state=state))
    for seen, label in ((on_disk, b"Disk used"), (replace(on_disk, has_quota=True), b"Storage used")):
        assert label in bytes(renderer.page(_poll("Ana", "en"), template, seen).body)


def test_code_in_a_sentence_is_marked_and_what_a_client_wrote_is_escaped() -> None:
    assert _mark_code("up to its `]` <b>`") == "up to its <code>]</code> &lt;b&gt;`"
    assert "\u202e" not in _mark_code("`\u202etxet`")
