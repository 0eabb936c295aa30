"""Report of a soak test: every table is on its page, growth fails it, and the summary names the alerts."""

import msgspec
import pytest

from integrahub.tools.soak.report import find_growth, render, summarise
from integrahub.tools.soak.rows import (
    AccountCounts,
    AlertReport,
    AlertSpan,
    InjectedFault,
    MemoryReport,
    ProcessMemory,
    ProcessStarts,
    RunFacts,
    SoakReport,
    UnexpectedAnswer,
    WebhookCounts,
)


def _memory(growth: float | None) -> ProcessMemory:
    return ProcessMemory("api 0", 7, 0, 400, 50.0, 60.0, 70.0, 75.0, growth)


REPORT = SoakReport(
    run=RunFacts("0.3.0", "Linux", "2026-11-28T00:00:00+00:00", 0.02, 1, "embedded"),
    is_passed=True,
    batches=2,
    records=20,
    accounts=AccountCounts(0, 0, 0, 0, []),
    refusals=[],
    answers={"post 202": 2},
    unexpected=[UnexpectedAnswer(3.1, "read /health", "ReadTimeout", 60.0)],
    webhooks=WebhookCounts(2, 0),
    faults=[InjectedFault(5.0, "kill a worker", 1.0, "upsert 0")],
    health={"database down": 3},
    attention={"cause": 5},
    memory=MemoryReport([_memory(0.071)], [ProcessStarts("api 0", 2, "51, 80")]),
    alerts=AlertReport(
        True,
        "Watched.",
        [
            AlertSpan("Down", "severity=page", "pending", 10.0, 15.0, "kill a worker (5)"),
            AlertSpan("Down", "severity=page", "firing", 15.0, None, "kill a worker (5)"),
            AlertSpan("Late", "", "pending", 20.0, 30.0),
        ],
    ),
)


def test_a_report_is_a_page_with_all_tables() -> None:
    page = render(REPORT)
    for line in (
        "| api 0 | 7 | 0 | 400 | 50.0 | 60.0 | 70.0 | 75.0 | 0.071 |",
        "| api 0 | 2 | 51, 80 |",
        "| Down | severity=page | firing | 15.0 |  | kill a worker (5) |",
        "| Late |  | pending | 20.0 | 30.0 |  |",
        "| post 202 | 2 |",
        "| 3.1 | read /health | ReadTimeout | 60.0 |",
        "| database down | 3 |",
        "| cause | 5 |",
        "| 5.0 | kill a worker | 1.0 | upsert 0 |",
    ):
        assert line in page
    assert "0 lost, 0 doubled, 0 incomplete, 0 unaccounted" in page


def test_a_table_without_rows_is_named_none() -> None:
    page = render(msgspec.structs.replace(REPORT, unexpected=[], alerts=AlertReport(True, "Watched.", [])))
    assert page.count("\n\nNone.\n") == 2


@pytest.mark.parametrize(
    ("alerts", "line"),
    [
        (REPORT.alerts, "alerts that fired: Down; that were only pending: Late"),
        (AlertReport(True, "Watched.", []), "alerts that fired: none; that were only pending: none"),
        (AlertReport(False, "Not watched. Install it.", []), "Not watched. Install it"),
    ],
)
def test_the_summary_names_the_alerts(alerts: AlertReport, line: str) -> None:
    assert line in list(summarise(msgspec.structs.replace(REPORT, alerts=alerts)))


@pytest.mark.parametrize(("growth", "grown"), [(0.11, ["api 0 (pid 7)"]), (0.1, []), (-0.2, []), (None, [])])
def test_growth_of_a_judged_process_fails_a_run(growth: float | None, grown: list[str]) -> None:
    memory = MemoryReport([_memory(growth)], [])
    assert find_growth(msgspec.structs.replace(REPORT, memory=memory)) == grown
