"""A run as a table on the terminal, and as a page with its plot."""

from pathlib import Path

from rich.table import Table

from bench.measured import Line
from bench.plot import drawn
from bench.results import Row, lines_of

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
_CAUTION = "**Small sizes: this run shows that everything runs, not how fast it is.**\n\n"
_TITLES = ("work", "ours", "peer", "theirs", "ratio", "goal", "")
_MARKS = {True: "ok", False: "short", None: ""}
_TEXT = (Path(__file__).parent / "page.txt").read_text("utf-8")


def table_of(found: Row) -> Table:
    """For the terminal; what falls short is red."""
    table = Table(title=f"{found['command']}, {found['date']}, {found['machine']}", caption="short: the goal is missed")
    for title in _TITLES:
        table.add_column(title, justify="left" if title in ("work", "peer", "") else "right", overflow="fold")
    for line in lines_of(found):
        mark = _MARKS[line.reached] or ("absent" if line.ours is None else "")
        table.add_row(*_cells(line), mark, style="red" if line.reached is False else None)
        if line.note:
            table.add_row(f"  {line.note}", style="dim")
    return table


def publish(found: Row) -> None:
    """Write the page and its plot."""
    _PAGE.write_text(page(found, lines_of(found)))
    _PAGE.with_suffix(".svg").write_text(drawn(lines_of(found)))


def page(found: Row, lines: list[Line]) -> str:
    """The page's text; the plot is looked for beside it."""
    rows = [f"| {' | '.join(_TITLES)} |", "| --- | ---: | --- | ---: | ---: | ---: | --- |"]
    rows += [f"| {' | '.join([*_cells(line), _told(line)])} |" for line in lines]
    judged = [line for line in lines if line.reached is not None]
    short = sum(1 for line in judged if not line.reached)
    known = {name: found[name] for name in ("command", "date", "minutes", "commit", "machine", "busy")}
    caution = _CAUTION if "QUICK" in found["command"] else ""
    return _TEXT.format(**known, caution=caution, table="\n".join(rows), short=short, judged=len(judged))


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
