"""`top` shows steady rates from stepwise counters, and `fleet status` explains exit codes."""

import re
from typing import Any

import pytest

from integrahub.cli.commands.fleet import explain_exit
from integrahub.cli.commands.top import frame
from integrahub.cli.top_figures import MetricsSample, Rates, compute_figures
from integrahub.telemetry.metrics.pipeline import BATCHES_CREATED

_POSTS = BATCHES_CREATED.name


def _seen(at: float, posts: float) -> MetricsSample:
    return MetricsSample(at, {_POSTS: {frozenset({("load_type", "delta")}): posts}})


@pytest.mark.parametrize("interval", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("steps", [[1.0], [3.0], [1.0, 3.0, 2.0]])
def test_a_client_that_posts_without_pause_has_a_steady_rate(interval: float, steps: list[float]) -> None:
    """Use 580 posts per second; the supervisor sums its processes every 1 to 3 s."""
    rates, moved, turn, shown = Rates(), 0.0, 0, []
    for look in range(round(40 / interval)):
        at = look * interval
        while at - moved >= steps[turn % len(steps)]:
            moved += steps[turn % len(steps)]
            turn += 1
        rates.add(_seen(at, 580 * moved))
        shown.append(rates.of(BATCHES_CREATED))
    steady = shown[round(12 / interval) :]
    assert min(steady) > 400 and max(steady) < 760, steady


def test_a_counter_that_stands_still_ends_at_0() -> None:
    rates = Rates()
    for second in range(30):
        rates.add(_seen(second, 100 * min(second, 5)))
    assert rates.of(BATCHES_CREATED) == 0


def _look(**more: Any) -> dict[str, Any]:
    rates = Rates()
    rates.add(MetricsSample(0.0, {}))
    return compute_figures(rates) | {"batches": [], "down": {}, "silent": []} | more


def test_the_age_of_a_count_is_that_of_the_pharmacies() -> None:
    totals = next(iter(frame(_look(as_of="2026-03-01T10:00:00+00:00")).renderables))  # type: ignore[attr-defined]
    assert re.search(r", pharmacies as of \d\d:\d\d:\d\d$", str(totals.title))


def test_what_does_not_answer_is_named() -> None:
    assert "no trouble" in str(_rendered(_look()))
    shown = _rendered(_look(down={"bus": "TimeoutError"}))
    assert "The bus does not answer: TimeoutError" in shown and "no trouble" not in shown
    counts = {"held_deactivations": 2, "dead_letters": 0}
    assert "held deactivations: 2 (integrahub batch list --held)" in _rendered(_look(troubles=counts))


def _rendered(look: dict[str, Any]) -> str:
    return str(list(frame(look).renderables)[-1])  # type: ignore[attr-defined]


def test_an_exit_code_is_explained() -> None:
    assert explain_exit(None) is None and explain_exit(0) == "0"
    assert explain_exit(-9) == "-9 (SIGKILL, most often the machine's memory)"
    assert explain_exit(-15) == "-15 (SIGTERM)" and explain_exit(2) == "2 (a setting cannot be used)"
