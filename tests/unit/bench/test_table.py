"""The result table marks missed goals, and the inputs of the benchmarks are what they claim to be."""

import json
from pathlib import Path

import bench
import pytest
from bench.__main__ import run_scenario
from bench.catalogue import Catalogue
from bench.measurement import Line, compare, not_measured
from bench.peers.baseline import CleanText
from bench.plot import draw, group
from bench.report import render_page
from bench.results import ScenarioRun
from bench.sizes import QUICK


def test_a_ratio_is_the_median_of_the_runs_ratios() -> None:
    line = compare("w", [10, 30, 20], "p", [10, 10, 40], least=1.0)
    assert (line.judged, line.ours, line.theirs, line.reached) == (1.0, 20, 10, True)


@pytest.mark.parametrize(("judged", "reached"), [(0.89, False), (0.90, True)])
def test_what_is_under_its_goal_falls_short(judged: float, reached: bool) -> None:
    assert Line("w", "x", 1, "p", 1, judged, least=0.90).reached is reached


def test_what_is_over_its_bound_falls_short_and_what_was_not_measured_is_neither() -> None:
    assert Line("w", "ms", 51, judged=51, most=50).reached is False
    assert not_measured("w", "no Node here").reached is None


def test_a_catalogue_changes_where_it_says_and_its_bodies_are_never_the_same() -> None:
    catalogue = Catalogue(20_000)
    first, again = catalogue.body(), catalogue.body()
    assert first != again
    by_id = {record["PRODUCTID"]: record for record in json.loads(first)}
    assert by_id == {record["PRODUCTID"]: record for record in json.loads(again)} and len(by_id) == 20_000
    catalogue.raise_some(0.02)
    changed = [record for record in json.loads(catalogue.body()) if record != by_id[record["PRODUCTID"]]]
    assert len(changed) == 400


def test_every_scenario_of_the_folder_is_in_the_bench() -> None:
    folder = Path(bench.__file__).parent / "scenarios"
    from bench.__main__ import _SCENARIOS

    assert set(_SCENARIOS) == {path.stem for path in folder.glob("[!_]*.py")}


def test_a_scenario_that_fails_is_reported_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("no room")

    monkeypatch.setitem(run_scenario.__globals__["_SCENARIOS"], "intake", broken)
    (line,) = run_scenario("intake", QUICK)
    assert line.reached is None and "no room" in line.note


def test_the_page_and_the_plot_show_each_peer_and_what_falls_short() -> None:
    work = "FULL, all new"
    lines = [compare(work, [90.0], "baseline", [100.0], 1.0), compare(f"{work}: dlt", [90.0], "dlt", [9.0], 9.0)]
    assert group(lines) == {work: {"integrahub": 90.0, "baseline": 100.0, "dlt": 9.0}}
    assert draw(lines).count("<rect") == 4
    shown = render_page([ScenarioRun("intake", lines, "make bench QUICK=1", "today", 1.0, 0.1, "c", "m")])
    assert "| FULL, all new | 90 products/s | baseline | 100 | 0.90 | ≥ 1 x | **short** |" in shown
    assert "1 of 2 goals fall short" in shown and "Small sizes" in shown


def test_the_baselines_text_carries_another_hash_where_a_price_was_raised() -> None:
    clean = CleanText([b"7\t1.50\trest\n"])
    catalogue = Catalogue(2)
    catalogue.raises[1] = 1
    (block,) = clean.blocks(catalogue, -1)
    first, second = block.splitlines()
    assert first.split(b"\t")[2] == b"7" and second.split(b"\t")[2] == b"8"
