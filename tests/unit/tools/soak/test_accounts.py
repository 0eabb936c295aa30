"""Accounts of a soak test: what was lost, doubled or left incomplete is found; memory is judged by its second half."""

import pytest

from integrahub.tools.soak.ledger import Ledger, compare
from integrahub.tools.soak.observation import Observation
from integrahub.tools.soak.report import find_growth, render
from integrahub.tools.soak.rows import InjectedFault, ListedBatch, ProcessMemory, SoakReport, WebhookCounts

CNPJ = "05927228000145"


def _ledger() -> Ledger:
    ledger = Ledger()
    ledger.acknowledge("a", CNPJ, 10)
    ledger.acknowledge("b", CNPJ, 10)
    ledger.products[CNPJ] = 20
    return ledger


def _batch(batch_id: str, status: str = "COMPLETED", processed: int = 10) -> ListedBatch:
    return ListedBatch(batch_id, CNPJ, status, 10, processed)


def _report(hours: float, memory: list[ProcessMemory]) -> SoakReport:
    return SoakReport(
        version="0.3.0",
        machine="Linux",
        started_at="2026-11-28T00:00:00+00:00",
        hours=hours,
        seed=1,
        hub="embedded",
        is_passed=True,
        batches=2,
        records=20,
        accounts=compare(_ledger(), [_batch("a"), _batch("b")], {CNPJ: 20}).count(),
        refusals=[],
        answers={"post 202": 2},
        webhooks=WebhookCounts(2, 0),
        faults=[InjectedFault(5.0, "kill a worker", 1.0, "upsert 0")],
        health={"database down": 3},
        attention={"cause": 5},
        memory=memory,
    )


@pytest.mark.parametrize(
    ("listed", "products", "expected"),
    [
        ([_batch("a"), _batch("b")], 20, (0, 0, 0)),
        ([_batch("a")], 20, (1, 0, 0)),
        ([_batch("a"), _batch("b")], 19, (1, 0, 0)),
        ([_batch("a"), _batch("b"), _batch("b")], 20, (0, 1, 0)),
        ([_batch("a"), _batch("b"), _batch("c")], 20, (0, 1, 0)),
        ([_batch("a"), _batch("b")], 21, (0, 1, 0)),
        ([_batch("a"), _batch("b", "FAILED")], 20, (0, 0, 1)),
        ([_batch("a"), _batch("b", processed=9)], 20, (0, 0, 1)),
    ],
)
def test_every_difference_is_found(listed: list[ListedBatch], products: int, expected: tuple[int, int, int]) -> None:
    account = compare(_ledger(), listed, {CNPJ: products})
    assert (len(account.lost), len(account.doubled), len(account.incomplete)) == expected
    assert account.adds_up == (expected == (0, 0, 0))


def test_a_batch_that_answers_two_posts_is_a_double() -> None:
    ledger = _ledger()
    ledger.acknowledge("a", CNPJ, 10)
    assert compare(ledger, [_batch("a"), _batch("b")], {CNPJ: 20}).doubled == ["batch a answered two posts"]


def test_memory_is_measured_at_start_half_and_end() -> None:
    observation = Observation()
    for percent in range(101):
        observation.add_sizes(percent / 100, {"api 0": 100.0 + percent, "gone": 0.0})
    (row,) = observation.memory()
    assert row == ProcessMemory("api 0", 110.0, 150.0, 192.5, 0.283)


@pytest.mark.parametrize(("hours", "grown"), [(0.02, []), (1.0, ["api 0"])])
def test_growth_counts_in_runs_that_are_long_enough(hours: float, grown: list[str]) -> None:
    growths = {"api 0": 0.11, "split 0": 0.1, "x": None}
    memory = [ProcessMemory(name, None, None, None, growth) for name, growth in growths.items()]
    assert find_growth(_report(hours, memory)) == grown


def test_a_report_is_a_page_with_all_tables() -> None:
    page = render(_report(0.02, [ProcessMemory("api 0", 1.0, None, 2.0, None)]))
    for line in (
        "| post 202 | 2 |",
        "| 5.0 | kill a worker | 1.0 | upsert 0 |",
        "| api 0 | 1.0 |  | 2.0 |  |",
        "| cause | 5 |",
    ):
        assert line in page
    assert "0 lost, 0 doubled, 0 incomplete, 0 unaccounted" in page
