"""Alerts of a soak test: from which second to which each was pending or firing, and after which fault."""

from pathlib import Path

import pytest

from integrahub.tools.devservices import debian_packages
from integrahub.tools.soak.alerts import ActiveAlert, AlertLog, watch_alerts
from integrahub.tools.soak.rows import AlertSpan, InjectedFault


def _breaker(state: str, dependency: str = "bus") -> ActiveAlert:
    labels = {"severity": "page", "alertname": "IntegraHubBreakerOpen", "dependency": dependency}
    return ActiveAlert(labels, state)


def test_an_alert_has_a_span_for_each_state_and_label_and_the_fault_before_it() -> None:
    log, bus = AlertLog(), ("IntegraHubBreakerOpen", "dependency=bus, severity=page")
    log.update(5.0, [])
    log.update(10.0, [_breaker("pending")])
    log.update(15.04, [_breaker("firing"), _breaker("pending", "storage")])
    log.update(20.0, [_breaker("firing")])
    log.update(25.0, [])
    log.update(30.0, [_breaker("pending")])
    faults = [InjectedFault(7.0, "kill PostgreSQL", 1.0, ""), InjectedFault(12.5, "freeze Kafka", 1.0, "")]
    assert log.report(faults).spans == [
        AlertSpan(*bus, "pending", 10.0, 15.0, "kill PostgreSQL (7)"),
        AlertSpan(*bus, "firing", 15.0, 25.0, "kill PostgreSQL (7)"),
        AlertSpan(bus[0], "dependency=storage, severity=page", "pending", 15.0, 20.0, "freeze Kafka (12.5)"),
        AlertSpan(*bus, "pending", 30.0, None, "freeze Kafka (12.5)"),
    ]


def test_an_alert_before_the_first_fault_names_none() -> None:
    log = AlertLog()
    log.update(1.0, [_breaker("firing")])
    assert [span.after for span in log.report([InjectedFault(7.0, "", 1.0, "")]).spans] == [""]


def test_later_alerts_are_counted_when_there_are_too_many_to_list() -> None:
    log = AlertLog()
    for second in range(0, 2004, 2):
        log.update(second, [_breaker("pending")])
        log.update(second + 1, [])
    report = log.report([])
    assert len(report.spans) == 1000 and report.note.endswith(" 2 later ones are not listed.")


def test_without_prometheus_the_log_says_that_alerts_were_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian_packages, "CACHE", tmp_path)
    with watch_alerts(tmp_path / "prometheus", "http://127.0.0.1:9") as log:
        report = log.report([])
    assert not report.is_watched
    assert report.note == (
        "Alerts were not watched. Prometheus is not installed and cannot be fetched. "
        "Install it (Debian: apt-get install prometheus)."
    )
