"""`make bench`: run the scenarios and print their table. The last run of each scenario is kept in `.bench`."""

import argparse
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from bench import results
from bench.measurement import Line, not_measured
from bench.plot import draw
from bench.report import build_table, publish
from bench.results import ScenarioRun
from bench.scenarios import (
    client,
    console_pages,
    dry_runs,
    full_loads,
    intake,
    large_table,
    many_pharmacies,
    reads,
    sizes_of_batches,
    slow_peers,
    small_posts,
    ways_of_running,
)
from bench.sizes import QUICK, Sizes

_PIPE_COLUMNS = 170
_OUT = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
_SCENARIOS: dict[str, Callable[[Sizes], Iterator[Line]]] = {
    "full_loads": full_loads.lines,
    "slow_peers": slow_peers.lines,
    "sizes_of_batches": sizes_of_batches.lines,
    "many_pharmacies": many_pharmacies.lines,
    "large_table": large_table.lines,
    "small_posts": small_posts.lines,
    "intake": intake.lines,
    "client": client.lines,
    "reads": reads.lines,
    "console_pages": console_pages.lines,
    "dry_runs": dry_runs.lines,
    "ways_of_running": ways_of_running.lines,
}


def run_scenario(name: str, sizes: Sizes) -> Iterator[Line]:
    """Yield the lines of a scenario. A scenario that raises becomes a line with the reason."""
    try:
        yield from _SCENARIOS[name](sizes)
    except Exception as error:
        _OUT.print_exception()
        yield not_measured(name, f"the scenario failed: {type(error).__name__}: {error}"[:300])


def main(names: list[str], sizes: Sizes, command: str) -> None:
    """Run the scenarios, store their lines and print the table."""
    runs: list[ScenarioRun] = []
    for name in names:
        started, lines = results.start(), []
        for line in run_scenario(name, sizes):
            lines.append(line)
            _OUT.print(
                f"{line.work}: {'not measured' if line.ours is None else f'{line.ours:,.2f} {line.unit}'}", markup=False
            )
        runs.append(results.save(name, lines, command, started))
        _OUT.print(f"{name} took {runs[-1].minutes:g} minutes", style="dim")
    (results.FOLDER / "performance.svg").write_text(draw([line for run in runs for line in run.lines]))
    _OUT.print(build_table(runs))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=f"any of {', '.join(_SCENARIOS)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--publish", action="store_true", help="write docs/reference/performance.md from the last run")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - _SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if arguments.publish:
        publish(results.load())
    else:
        command = f"make bench{' QUICK=1' if arguments.quick else ''}"
        command += f" SCENARIOS='{' '.join(arguments.scenarios)}'" if arguments.scenarios else ""
        main(arguments.scenarios or list(_SCENARIOS), QUICK if arguments.quick else Sizes(), command)
