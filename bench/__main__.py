"""`make bench`: everything that is timed, beside its peers; each scene's last run is kept in `.bench`."""

import argparse
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from bench import results
from bench.measurement import Line, missing
from bench.plot import drawn
from bench.report import publish, table_of
from bench.results import Scene
from bench.scenarios import (
    full_loads,
    intake,
    large_table,
    many_pharmacies,
    sizes_of_batches,
    slow_peers,
    small_posts,
    ways_of_running,
)
from bench.sizes import QUICK, Sizes

_WIDE = 170  # columns, where the output is piped
_OUT = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
_SCENES: dict[str, Callable[[Sizes], Iterator[Line]]] = {
    "full_loads": full_loads.lines,
    "slow_peers": slow_peers.lines,
    "sizes_of_batches": sizes_of_batches.lines,
    "many_pharmacies": many_pharmacies.lines,
    "large_table": large_table.lines,
    "small_posts": small_posts.lines,
    "intake": intake.lines,
    "ways_of_running": ways_of_running.lines,
}


def measured(name: str, sizes: Sizes) -> Iterator[Line]:
    """A scene's lines; a scene that breaks is told of, and the others go on."""
    try:
        yield from _SCENES[name](sizes)
    except Exception as error:
        _OUT.print_exception()
        yield missing(name, f"the scene broke: {type(error).__name__}: {error}"[:300])


def main(names: list[str], sizes: Sizes, command: str) -> None:
    """Run the scenes; keep and print what they found."""
    scenes: list[Scene] = []
    for name in names:
        since, lines = results.begun(), []
        for line in measured(name, sizes):
            lines.append(line)
            _OUT.print(
                f"{line.work}: {'absent' if line.ours is None else f'{line.ours:,.2f} {line.unit}'}", markup=False
            )
        scenes.append(results.ended(name, lines, command, since))
        _OUT.print(f"{name} took {scenes[-1].minutes:g} minutes", style="dim")
    (results.FOLDER / "performance.svg").write_text(drawn([line for scene in scenes for line in scene.lines]))
    _OUT.print(table_of(scenes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="scene", help=f"of {', '.join(_SCENES)}; absent: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--publish", action="store_true", help="write docs/reference/performance.md from the last run")
    asked = parser.parse_args()
    if unknown := set(asked.scenes) - _SCENES.keys():
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    if asked.publish:
        publish(results.last())
    else:
        told = f"make bench{' QUICK=1' if asked.quick else ''}"
        told += f" SCENES='{' '.join(asked.scenes)}'" if asked.scenes else ""
        main(asked.scenes or list(_SCENES), QUICK if asked.quick else Sizes(), told)
