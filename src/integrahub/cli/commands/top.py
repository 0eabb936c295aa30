"""`integrahub top`: the hub at a glance, live: what comes in, what waits, who works, what went wrong."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from integrahub.cli.connect import open_client
from integrahub.cli.hub_snapshot import Looking
from integrahub.cli.options import client_verb
from integrahub.tools.terminal import output
from integrahub.tools.terminal.tables import cell, lay_out

_LIVE_SECONDS, _ONCE_SECONDS = 2.0, 6.0
_TIMEOUT_SECONDS = 8.0  # of each question: more than the hub gives a dependency
_LOOK_SECONDS = 1.0  # between looks of `--once`
_COLUMNS = ("batch_id", "cnpj", "status", "done", "load_type", "records/s", "stage")
_WIDE = 170  # columns of a pipe
_DEPENDENCIES = {"postgresql": "PostgreSQL", "storage": "The storage", "bus": "The bus"}
_NEXT = {
    "unaccounted_records": "see the log",
    "dead_letters": "integrahub dead groups",
    "held_deactivations": "integrahub batch list --held",
    "silent_pharmacies": "integrahub pharmacy list --silent",
}
Row = dict[str, Any]


@client_verb
def top(
    interval: Annotated[
        float | None, typer.Option(min=0.2, max=60, help="seconds between looks (2), or that --once takes (6)")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="one look, then end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one look as JSON")] = False,
) -> None:
    """Show throughput, lag, workers, batches and what is down, live until Ctrl-C. Rates are of the last 10 s.

    Example: integrahub top --once
    """
    with open_client(timeout=_TIMEOUT_SECONDS) as client, closing(Looking(client)) as look:
        if as_json or once:
            found = _looked(look, interval or _ONCE_SECONDS)
            if as_json:
                output.show_json(found)
            else:
                _console().print(frame(found))
            return
        with Live(frame(look()), console=output.OUT, auto_refresh=False, screen=output.OUT.is_terminal) as live:
            for found in _looks(look, interval or _LIVE_SECONDS):
                live.update(frame(found), refresh=True)


def _console() -> Console:
    """A pipe has no width: lines stay whole."""
    return output.OUT if output.OUT.is_terminal else Console(file=output.OUT.file, width=_WIDE, highlight=False)


def _looked(look: Looking, seconds: float) -> Row:
    """The last of several looks, so that rates are of more than one step of the counters."""
    found, never, count = look(), threading.Event(), max(1, round(seconds / _LOOK_SECONDS))
    for _ in range(count):
        never.wait(seconds / count)
        found = look()
    return found


def _looks(look: Looking, interval: float) -> Iterator[Row]:
    never = threading.Event()
    while True:
        never.wait(interval)
        yield look()


def frame(look: Row) -> RenderableType:
    """One look as it is shown."""
    return Group(_totals(look), Text(), _work(look), Text(), _batches(look["batches"]), Text(), _troubles(look))


def _totals(look: Row) -> Table:
    rates, as_of = look["per_second"], look["as_of"]
    counted = f", 24 h as of {datetime.fromisoformat(as_of).astimezone():%H:%M:%S}" if as_of else ""
    title = f"IntegraHub at {datetime.now().astimezone():%H:%M:%S}{counted}"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    for column in ("products/s", "posts/s", "requests/s", "5xx/s", "chunks/s", "products 24 h", "pharmacies 24 h"):
        table.add_column(column, justify="right", no_wrap=True)
    per_second = (rates[name] for name in ("products", "posts", "requests", "refused", "chunks"))
    table.add_row(*(f"{rate:,.1f}" for rate in per_second), f"{look['products_24h']:,}", f"{look['pharmacies_24h']:,}")
    return table


def _work(look: Row) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("step", "workers", "most", "restarts", "records waiting", "messages waiting"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for step, of_it in look["steps"].items():
        table.add_row(step, *("" if value is None else f"{value:,}" for value in of_it.values()))
    return table


def _batches(batches: list[Row]) -> Text:
    rows = [batch | {"done": f"{batch['progress']:.0%}", "records/s": batch["rate"]} for batch in batches]
    layout = lay_out(rows, _COLUMNS, output.OUT.width if output.OUT.is_terminal else None)
    return Text.assemble((layout.header, "bold"), "\n", "\n".join(layout.lines), no_wrap=True)


def _troubles(look: Row) -> Text:
    down, counts = look["down"], look["troubles"]
    told = [f"{_DEPENDENCIES.get(name, name)} does not answer: {why}" for name, why in down.items()]
    told += look["silent"]
    opened = [name for name, state in look["breakers"].items() if state == "open" and name not in down]
    told += [f"{_DEPENDENCIES.get(name, name)} is left alone after failures" for name in opened]
    told += [f"{name.replace('_', ' ')}: {counts[name]:,} ({_NEXT[name]})" for name in counts if counts[name]]
    return Text("\n".join(map(cell, told)), style="bold red") if told else Text("no trouble", style="green")
