"""Scenarios of `integrahub load` on the hub under measurement."""

from typing import Any

from bench.hub import Hub
from bench.measurement import Line
from integrahub.tools.loadtest.report import compute_figures
from integrahub.tools.loadtest.runner import Scenario, Target, run_scenario


def run_load(hub: Hub, scenario: Scenario) -> dict[str, Any]:
    """Run a scenario from the same initial state as every measurement; return its figures."""
    hub.reset_state()
    return compute_figures(run_scenario(Target(hub.admin, hub.folder), scenario))


def lost_posts(work: str, result: dict[str, Any]) -> Line:
    """Return the line with the number of posts without a 202 plus all accounting errors."""
    refused = result["posts"] - result["statuses"].get("202", 0)
    lost = refused + len(result["faults"])
    first = "; ".join(result["faults"][:1])
    return Line(f"{work}: lost, doubled or refused", "posts", lost, judged=lost, most=0, note=first)
