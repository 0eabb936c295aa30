"""Instruments: counters, initial labels, and the Prometheus text format."""

from prometheus_client.parser import text_string_to_metric_families

from integrahub.telemetry import exposition, instruments, snapshots
from integrahub.telemetry.instruments import Counter, Gauge, Histogram, Metric
from integrahub.telemetry.metrics.registry import ALL_METRICS


def _read(metric: Metric) -> dict[tuple[str, ...], float]:
    told = exposition.render_text([metric.family(metric.values)]).decode()
    families = text_string_to_metric_families(told)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_what_is_known_from_the_start_is_told_as_nothing_and_then_grows() -> None:
    eaten = Counter(name="apples_total", meaning="Apples", remedy="", labels=("kind",), initial_labels=[("red",)])
    assert _read(eaten) == {("apples_total", "red"): 0}
    eaten.add("red")
    eaten.add("green", by=2)
    assert _read(eaten) == {("apples_total", "red"): 1, ("apples_total", "green"): 2}


def test_an_observation_is_in_its_bucket_and_in_all_above_it() -> None:
    size = Histogram(name="size", meaning="Size", remedy="", bounds=(1.0, 5.0))
    for value in (0.5, 1.0, 3.0, 7.0):
        size.observe(value)
    assert _read(size) == {
        ("size_bucket", "1.0"): 2, ("size_bucket", "5.0"): 3, ("size_bucket", "+Inf"): 4,
        ("size_count",): 4, ("size_sum",): 11.5,
    }  # fmt: skip


def test_a_muted_process_counts_nothing(monkeypatch: object) -> None:
    level, was = Gauge(name="level", meaning="Level", remedy=""), instruments._is_enabled
    try:
        instruments.disable()
        level.set(3.0)
    finally:
        instruments._is_enabled = was
    assert _read(level) == {}


def test_every_metric_has_a_name_a_unit_a_meaning_and_a_remedy_of_its_own() -> None:
    assert len({metric.name for metric in ALL_METRICS}) == len(ALL_METRICS) > 30
    assert [
        m.name for m in ALL_METRICS if not (m.name.startswith("integrahub_") and m.unit and m.meaning and m.remedy)
    ] == []
    assert [m.name for m in ALL_METRICS if (m.kind == "counter") != m.name.endswith("_total")] == []
    assert [m.name for m in ALL_METRICS if {"cnpj", "batch", "pharmacy", "path", "key"} & set(m.labels)] == []


def test_counts_are_the_same_after_a_journey_and_strangers_are_left_behind() -> None:
    told = snapshots.decode(snapshots.encode(snapshots.capture()))
    assert told == snapshots.capture()
    assert snapshots.decode(b'{"of_another_version_total": [[[], [1.0]]]}') == {}
    assert snapshots.decode(b'{"integrahub_upload_bytes": [[[], [1.0]]]}') == {"integrahub_upload_bytes": {}}
