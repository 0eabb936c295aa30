"""Results as a table for the terminal, and as a page with a chart."""

from pathlib import Path

from rich.table import Table

from bench.measurement import Line
from bench.plot import draw
from bench.results import ScenarioRun

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
_TITLES = ("work", "ours", "peer", "theirs", "ratio", "goal", "")
_MARKS = {True: "ok", False: "short", None: ""}
_TEXT = (Path(__file__).parent / "page.txt").read_text("utf-8")


def build_table(runs: list[ScenarioRun]) -> Table:
    """Return the table for the terminal; missed goals are red."""
    table = Table(title=runs[-1].machine, caption="short: the goal is missed")
    for title in _TITLES:
        table.add_column(title, justify="left" if title in ("work", "peer", "") else "right", overflow="fold")
    for line in (line for run in runs for line in run.lines):
        table.add_row(*_cells(line), _MARKS[line.reached], style="red" if line.reached is False else None)
        if line.note:
            table.add_row(f"  {line.note}", style="dim")
    return table


def publish(runs: list[ScenarioRun]) -> None:
    """Write the page and its chart."""
    _PAGE.write_text(render_page(runs))
    _PAGE.with_suffix(".svg").write_text(draw([line for run in runs for line in run.lines]))


def render_page(runs: list[ScenarioRun]) -> str:
    """Return the text of the page; it links to the chart in the same folder."""
    judged = [line.reached for run in runs for line in run.lines if line.reached is not None]
    sections = "\n\n".join(map(_section, runs))
    return _TEXT.format(runs=sections, short=judged.count(False), judged=len(judged), machine=runs[-1].machine)


def _section(run: ScenarioRun) -> str:
    """Return the section of one scenario."""
    caution = " **Small sizes: this proves that it runs; the figures mean nothing.**" if "QUICK" in run.command else ""
    facts = f"`{run.command}`, {run.date}, {run.minutes:g} minutes, commit {run.commit}, "
    facts += f"load average before {run.busy:g}."
    rows = [f"| {' | '.join(_TITLES)} |", "| --- | ---: | --- | ---: | ---: | ---: | --- |"]
    rows += [f"| {' | '.join([*_cells(line), _verdict(line)])} |" for line in run.lines]
    return "\n".join([f"### {run.name.replace('_', ' ').capitalize()}", "", facts + caution, "", *rows])


def _verdict(line: Line) -> str:
    mark = {True: "ok", False: "**short**", None: "not measured" if line.ours is None else ""}[line.reached]
    return "; ".join(filter(None, (mark, line.note.replace("|", "/").replace("\n", " "))))


def _cells(line: Line) -> list[str]:
    ours = "" if line.ours is None else f"{_number(line.ours)} {line.unit}"
    theirs = "" if line.theirs is None else _number(line.theirs)
    ratio = "" if line.theirs is None or line.judged is None else f"{line.judged:.2f}"
    return [line.work, ours, line.peer, theirs, ratio, line.goal]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
