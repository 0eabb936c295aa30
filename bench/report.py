"""A run as a table on the terminal, and as a page with its plot."""

from pathlib import Path

from rich.table import Table

from bench.measurement import Line
from bench.plot import drawn
from bench.results import Scene

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
_TITLES = ("work", "ours", "peer", "theirs", "ratio", "goal", "")
_MARKS = {True: "ok", False: "short", None: ""}
_TEXT = (Path(__file__).parent / "page.txt").read_text("utf-8")


def table_of(scenes: list[Scene]) -> Table:
    """For the terminal; what falls short is red."""
    table = Table(title=scenes[-1].machine, caption="short: the goal is missed")
    for title in _TITLES:
        table.add_column(title, justify="left" if title in ("work", "peer", "") else "right", overflow="fold")
    for line in (line for scene in scenes for line in scene.lines):
        table.add_row(*_cells(line), _MARKS[line.reached], style="red" if line.reached is False else None)
        if line.note:
            table.add_row(f"  {line.note}", style="dim")
    return table


def publish(scenes: list[Scene]) -> None:
    """Write the page and its plot."""
    _PAGE.write_text(page(scenes))
    _PAGE.with_suffix(".svg").write_text(drawn([line for scene in scenes for line in scene.lines]))


def page(scenes: list[Scene]) -> str:
    """The page's text; the plot is looked for beside it."""
    judged = [line.reached for scene in scenes for line in scene.lines if line.reached is not None]
    parts = "\n\n".join(map(_part, scenes))
    return _TEXT.format(scenes=parts, short=judged.count(False), judged=len(judged), machine=scenes[-1].machine)


def _part(scene: Scene) -> str:
    """A scene under its own heading."""
    caution = " **Small sizes: this shows that it runs, not how fast it is.**" if "QUICK" in scene.command else ""
    told = f"`{scene.command}`, {scene.date}, {scene.minutes:g} minutes, commit {scene.commit}, "
    told += f"load average before it {scene.busy:g}."
    rows = [f"| {' | '.join(_TITLES)} |", "| --- | ---: | --- | ---: | ---: | ---: | --- |"]
    rows += [f"| {' | '.join([*_cells(line), _told(line)])} |" for line in scene.lines]
    return "\n".join([f"### {scene.name.replace('_', ' ').capitalize()}", "", told + caution, "", *rows])


def _told(line: Line) -> str:
    mark = {True: "ok", False: "**short**", None: "not measured" if line.ours is None else ""}[line.reached]
    return "; ".join(filter(None, (mark, line.note.replace("|", "/").replace("\n", " "))))


def _cells(line: Line) -> list[str]:
    ours = "" if line.ours is None else f"{_number(line.ours)} {line.unit}"
    theirs = "" if line.theirs is None else _number(line.theirs)
    ratio = "" if line.theirs is None or line.judged is None else f"{line.judged:.2f}"
    return [line.work, ours, line.peer, theirs, ratio, line.goal]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
