"""`integrahub load`'s scenarios on a hub of the bench's, as figures and as a line that tells whether all added up."""

from typing import Any

from bench.hub import Hub
from bench.measurement import Line
from integrahub.tools.loadtest.report import figures
from integrahub.tools.loadtest.runner import Scenario, Target, run


def loaded(hub: Hub, scenario: Scenario) -> dict[str, Any]:
    """Its figures, from the same state of the table as everything else that is timed."""
    hub.ready()
    return figures(run(Target(hub.admin, hub.folder), scenario))


def whole(work: str, found: dict[str, Any]) -> Line:
    """Posts without a 202, and whatever else is at fault."""
    refused = found["posts"] - found["statuses"].get("202", 0)
    lost = refused + len(found["faults"])
    first = "; ".join(found["faults"][:1])
    return Line(f"{work}: lost, doubled or refused", "posts", lost, judged=lost, most=0, note=first)
