"""Every rule by promtool: each alert fires for its cause and not otherwise; each recording has its value."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from integrahub.domain.languages import Language
from integrahub.runbook.pages import list_entries

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
_POST = 'method="POST", route="/v1/inovafarma/products"'
_ONE: dict[str, object] = {"labels": "{}", "value": 1}
Series = dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """Series under which an alert fires within `at` minutes, and series under which it does not."""

    alert: str
    firing: Series
    quiet: Series
    at: int = 30


def _gauge(name: str, high: float, low: float, alert: str, at: int = 45) -> Case:
    return Case(alert, {name: f"{high}x{at}"}, {name: f"{low}x{at}"}, at)


def _two(name: str, used: int, alert: str) -> Case:
    most = name.replace("used", "capacity") if "used" in name else f"{name}_max"
    return Case(alert, {name: f"{used}x30", most: "100x30"}, {name: "79x30", most: "100x30"})


def _requests(bad: float) -> Series:
    return {
        f'integrahub_http_requests_total{{{_POST}, status="202"}}': f"0+{1000 - bad:g}x450",
        f'integrahub_http_requests_total{{{_POST}, status="503"}}': f"0+{bad:g}x450",
    }


def _posts(slow: float) -> Series:
    name = "integrahub_http_request_duration_seconds"
    return {
        f'{name}_bucket{{{_POST}, le="0.5"}}': f"0+{1000 - slow:g}x450",
        f"{name}_count{{{_POST}}}": "0+1000x450",
    }


def _uptime(down: float) -> Series:
    return {'up{job="integrahub"}': f"{1 - down / 1000:.6f}x450", 'up{job="other"}': "0x450"}


def _retries(failed: float) -> Series:
    name = "integrahub_chunk_retries_total"
    return {
        f'{name}{{outcome="scheduled"}}': "0+5000x450",
        f'{name}{{outcome="succeeded"}}': f"0+{1000 - failed:g}x450",
        f'{name}{{outcome="exhausted"}}': f"0+{failed:g}x450",
    }


def _batches(late: float) -> Series:
    name = "integrahub_batch_duration_seconds"
    # Two processes return the same figure of the database: it counts once.
    told = {}
    for instance in ("a", "b"):
        told[f'{name}_bucket{{instance="{instance}", le="300.0"}}'] = f"0+{1000 - late:g}x450"
        told[f'{name}_count{{instance="{instance}"}}'] = "0+1000x450"
    return told


def _attempts(failed: float) -> Series:
    name = "integrahub_webhook_attempts_total"
    return {f'{name}{{error="none"}}': f"0+{100 - failed:g}x60", f'{name}{{error="timed_out"}}': f"0+{failed:g}x60"}


def _finished(failed: float) -> Series:
    name = "integrahub_batches_finished_total"
    return {
        f'{name}{{status="COMPLETED"}}': f"0+{1000 - failed:g}x450",
        f'{name}{{status="FAILED"}}': f"0+{failed:g}x450",
        f'{name}{{status="CANCELLED"}}': "0+5000x450",
    }


# A disturbance of the last hours only: bad for the short windows, little for the long ones.
_BUDGETS = [
    ("UptimeBudget", _uptime, 1.0),
    ("RetrySuccessBudget", _retries, 50.0),
    ("ApiErrorBudget", _requests, 1.0),
    ("ApiLatencyBudget", _posts, 50.0),
    ("TimeToAppliedBudget", _batches, 10.0),
    ("BatchSuccessBudget", _finished, 5.0),
]
# Burn rate, minutes of the evaluation, step.
_SPEEDS = {"Fast": (14.4, 90, 1), "Slow": (6.0, 600, 5), "Leak": (1.0, 4620, 30)}
CASES = [
    Case("Down", {'up{job="integrahub"}': "0x30"}, {'up{job="integrahub"}': "1x30", 'up{job="other"}': "0x30"}),
    _gauge('integrahub_lag{topic="chunks.ready", group="upsert"}', 10001, 10000, "LagHigh"),
    _gauge('integrahub_backlog_records{step="upsert"}', 10001, 10000, "BacklogHigh"),
    Case("ApiErrors", _requests(60), _requests(40)),
    Case(
        "WorkerCrashLoop",
        {'integrahub_worker_restarts_total{step="upsert"}': "0x10 0+1x30"},
        {'integrahub_worker_restarts_total{step="upsert"}': "0x10 1x10 2x20"},
        25,
    ),
    _gauge('integrahub_workers_active{step="upsert"}', 0, 1, "NoWorkers"),
    _two("integrahub_postgresql_connections", 81, "PostgresqlConnections"),
    _two("integrahub_storage_used_bytes", 81, "StorageFilling"),
    _gauge("integrahub_unaccounted_records", 1, 0, "UnaccountedRecords"),
    _gauge("integrahub_changes_unpartitioned", 1, 0, "ChangesUnpartitioned"),
    Case("DeadLettersRising", {"integrahub_dead_letters": "3x20 4x30"}, {"integrahub_dead_letters": "3x20 2x30"}, 25),
    Case(
        "BreakerOpen",
        {'integrahub_breaker_state{dependency="storage"}': "0x10 2x20"},
        {'integrahub_breaker_state{dependency="storage"}': "0x10 1x20"},
    ),
    _gauge("integrahub_deactivations_held", 1, 0, "DeactivationHeld"),
    _gauge("integrahub_pharmacies_silent", 2, 0, "PharmacySilent"),
    _gauge("integrahub_statistics_age_seconds", 1900, 1700, "StatisticsStale"),
    _gauge("integrahub_webhook_oldest_due_seconds", 301, 299, "WebhooksLate"),
    _gauge('integrahub_webhook_endpoints{state="disabled"}', 1, 0, "WebhookDisabled"),
    Case("WebhooksFailing", _attempts(51), _attempts(49), 60),
    *(
        Case(f"{name}{speed}", series(1.1 * factor * budget), series(0.9 * factor * budget), at)
        for name, series, budget in _BUDGETS
        for speed, (factor, at, _) in _SPEEDS.items()
    ),
]
RECORDED = [
    ("integrahub:http_requests:rate5m", 'status="503"', _requests(60), 1.0),
    ("integrahub:http_errors:ratio5m", "", _requests(60), 0.06),
    ("integrahub:http_duration:p95_5m", "", {f'integrahub_http_request_duration_seconds_bucket{{{_POST}, le="0.1"}}':
        "0+60x30", f'integrahub_http_request_duration_seconds_bucket{{{_POST}, le="+Inf"}}': "0+60x30"}, 0.095),
    ("integrahub:products:rate5m", 'result="updated"', {'integrahub_products_total{result="updated"}': "0+60x30"}, 1.0),
    ("integrahub:chunks:rate5m", 'result="completed"',
        {'integrahub_chunks_processed_total{result="completed", instance="a"}': "0+60x30",
         'integrahub_chunks_processed_total{result="completed", instance="b"}': "0+60x30"}, 2.0),
    ("integrahub:batches_finished:rate5m", 'status="FAILED"', _finished(60), 1.0),
    ("integrahub:batch_duration:mean5m", "", {"integrahub_batch_duration_seconds_sum": "0+120x30",
        "integrahub_batch_duration_seconds_count": "0+60x30"}, 2.0),
    ("integrahub:products:24h", 'result="updated"',
        {'integrahub_history_products{window="24h", result="updated"}': "7x30"}, 7.0),
    ("integrahub:batches:24h", 'status="FAILED"',
        {'integrahub_history_batches{window="24h", status="FAILED"}': "3x30"}, 3.0),
    ("integrahub:evaluated", "", {}, 1.0),
    ("integrahub:available", "", {'up{job="integrahub"}': "1x30"}, 1.0),
    *((f"integrahub:slo_{name}:ratio_rate{window}", "", series(20), 0.02)
      for name, series in (("api_errors", _requests), ("posts_slow", _posts), ("batches_late", _batches),
                           ("batches_failed", _finished), ("uptime", _uptime), ("retries_failed", _retries))
      for window in ("5m", "30m", "1h", "6h", "3d")),
]  # fmt: skip


def _named(kind: str) -> list[str]:
    text = "".join(path.read_text("utf-8") for path in sorted((RULES / "rules").glob("*.yml")))
    return re.findall(rf"- {kind}: (\S+)", text)


def _asked(expression: str, at: int, samples: list[dict[str, object]], series: Series) -> dict[str, object]:
    return _test([_expectation(expression, at, samples)], series)


def _expectation(expression: str, at: int, samples: list[dict[str, object]]) -> dict[str, object]:
    return {"expr": expression, "eval_time": f"{at}m", "exp_samples": samples}


def _test(expectations: list[dict[str, object]], series: Series) -> dict[str, object]:
    given = [{"series": name, "values": values} for name, values in series.items()]
    return {"input_series": given, "promql_expr_test": expectations}


def _fit(one: Series, other: Series) -> bool:
    """Return whether one test may have both: the series of a metric in both are the same."""
    names = {name.partition("{")[0] for name in one} & {name.partition("{")[0] for name in other}
    shared = [{item for item in each.items() if item[0].partition("{")[0] in names} for each in (one, other)]
    return shared[0] == shared[1]


def _alternating(cases: list[Case]) -> list[dict[str, object]]:
    """Return two tests, as each evaluates all rules: every other alert has its cause in one, the rest in the second."""
    tests = []
    for turn in (0, 1):
        series: Series = {}
        expectations = []
        for number, case in enumerate(cases):
            fires = number % 2 == turn
            more = case.firing if fires else case.quiet
            assert _fit(series, more), case.alert
            series |= more
            firing = f'count(ALERTS{{alertname="IntegraHub{case.alert}", alertstate="firing"}})'
            expectations.append(_expectation(firing, case.at, [_ONE] if fires else []))
        tests.append(_test(expectations, series))
    return tests


def _run(tools: Path, tmp_path: Path, tests: list[dict[str, object]], minutes: int = 1) -> None:
    rules = [str(path) for path in sorted((RULES / "rules").glob("*.yml"))]
    page = tmp_path / "tests.yml"
    spaced = [test | {"interval": f"{minutes}m"} for test in tests]
    page.write_text(json.dumps({"rule_files": rules, "evaluation_interval": f"{minutes}m", "tests": spaced}))
    ran = subprocess.run([tools / "promtool", "test", "rules", page], capture_output=True, text=True, timeout=170)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_configuration_and_every_rule_can_be_loaded(tools: Path) -> None:
    ran = subprocess.run([tools / "promtool", "check", "config", RULES / "prometheus.yml"], capture_output=True)
    assert ran.returncode == 0, ran.stderr


def test_no_rule_is_without_a_test() -> None:
    assert sorted(_named("alert")) == sorted(f"IntegraHub{case.alert}" for case in CASES)
    assert sorted(_named("record")) == sorted({name for name, _, _, _ in RECORDED})


@pytest.mark.parametrize("speed", ["", *_SPEEDS])
def test_every_alert_fires_when_it_should_and_only_then(tools: Path, tmp_path: Path, speed: str) -> None:
    budget = [case for case in CASES if "Budget" in case.alert]
    asked = [case for case in budget if case.alert.endswith(speed)] if speed else [c for c in CASES if c not in budget]
    _run(tools, tmp_path, _alternating(asked), minutes=_SPEEDS[speed][2] if speed else 1)


def test_a_short_disturbance_burns_no_budget_for_long(tools: Path, tmp_path: Path) -> None:
    """Check that the fast burn alert ends within its short window after an outage of two minutes."""
    name = 'integrahub_http_requests_total{method="POST", route="/v1/inovafarma/products", status="%s"}'
    series = {name % "202": "0+1000x60 60000x5 60000+1000x60", name % "503": "0x60 0+1000x5 5000x60"}
    firing = 'count(ALERTS{alertname="IntegraHubApiErrorBudgetFast", alertstate="firing"})'
    at_once, later = (_asked(firing, at, samples, series) for at, samples in ((66, [_ONE]), (76, [])))
    _run(tools, tmp_path, [at_once, later])


def test_a_hub_that_is_gone_is_down_and_a_probe_from_outside_counts_before_scrapes(tools: Path, tmp_path: Path) -> None:
    share = "integrahub:slo_uptime:ratio_rate5m"
    gone = _asked(share, 25, [{"labels": share, "value": 1}], {"other": "0x30"})
    probed = {'up{job="integrahub"}': "1x30", 'probe_success{job="integrahub-probe"}': "0x30"}
    seen = _asked("integrahub:available", 25, [{"labels": "integrahub:available", "value": 0}], probed)
    _run(tools, tmp_path, [gone, seen])


def test_rules_before_the_first_scrape_count_no_healthy_hub_as_down(tools: Path, tmp_path: Path) -> None:
    """Check a Prometheus without history whose rules run before it has scraped anything."""
    alerts = 'count(ALERTS{alertname=~"IntegraHubUptimeBudget.*"})'
    scraped_late = {'up{job="integrahub"}': "_x2 1x90"}
    _run(tools, tmp_path, [_asked(alerts, at, [], scraped_late) for at in (1, 3, 10, 90)])


def test_every_record_has_its_value(tools: Path, tmp_path: Path) -> None:
    tests: list[tuple[Series, list[dict[str, object]]]] = []
    for name, labels, series, value in RECORDED:
        fitting = next((test for test in tests if _fit(test[0], series)), None)
        if fitting is None:
            tests.append(fitting := ({}, []))
        fitting[0].update(series)
        fitting[1].append(_expectation(f"round(sum({name}{{{labels}}}), 0.0001)", 25, [_ONE | {"value": value}]))
    _run(tools, tmp_path, [_test(expectations, series) for series, expectations in tests])


_LINK = (
    'runbook_url: "{{ with $externalLabels.runbook }}{{ . }}{{ else }}http://127.0.0.1:8000/console/help{{ end }}'
    '/alerts.html#%s"'
)


def test_every_alert_leads_to_its_entry_and_every_entry_has_its_alert() -> None:
    text = "".join(path.read_text("utf-8") for path in sorted((RULES / "rules").glob("*.yml")))
    alerts = [re.sub("(?<=Budget)(Fast|Slow|Leak)$", "", name).lower() for name in _named("alert")]
    assert [text.count(_LINK % name) for name in alerts] == [alerts.count(name) for name in alerts]
    for field, command in (("description", "%s"), ("description_pt", "%s --lang pt")):
        found = re.findall(rf'{field}: ".*: integrahub runbook (.*)"', text)
        assert sorted(found) == sorted(command % name for name in alerts)
    assert len(re.findall("summary_pt", text)) == len(alerts)
    for language in Language:
        entries = [entry.anchor for entry in list_entries(language).values() if entry.page == "alerts"]
        assert sorted(entries) == sorted(set(alerts))


@pytest.mark.parametrize("base", ["", "https://hub.example/console/help"])
def test_an_alert_leads_to_the_copy_of_the_runbook_that_a_label_names(tools: Path, tmp_path: Path, base: str) -> None:
    where = base or "http://127.0.0.1:8000/console/help"
    annotations = {
        "summary": "2 pharmacies have not posted for longer than usual",
        "summary_pt": "2 farmácias estão sem enviar há mais tempo que o normal",
        "description": "What to do: integrahub runbook integrahubpharmacysilent",
        "description_pt": "O que fazer: integrahub runbook integrahubpharmacysilent --lang pt",
        "runbook_url": f"{where}/alerts.html#integrahubpharmacysilent",
    }
    firing = [{"exp_labels": {"severity": "ticket"}, "exp_annotations": annotations}]
    expected = {"eval_time": "30m", "alertname": "IntegraHubPharmacySilent", "exp_alerts": firing}
    series = [{"series": "integrahub_pharmacies_silent", "values": "2x30"}]
    test = {"input_series": series, "alert_rule_test": [expected], "external_labels": {"runbook": base} if base else {}}
    _run(tools, tmp_path, [test])
