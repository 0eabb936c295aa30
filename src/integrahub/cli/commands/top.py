"""`integrahub top`: live overview of throughput, backlog, workers, batches and problems."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from integrahub.cli.connect import open_client
from integrahub.cli.hub_snapshot import HubSnapshots
from integrahub.cli.options import client_verb
from integrahub.tools.terminal import output
from integrahub.tools.terminal.tables import cell, lay_out

_LIVE_INTERVAL_SECONDS, _ONCE_SECONDS = 2.0, 6.0
_SNAPSHOT_TIMEOUT_SECONDS = 8.0  # longer than the hub's timeouts for its dependencies
_ONCE_INTERVAL_SECONDS = 1.0
_COLUMNS = ("batch_id", "cnpj", "status", "done", "load_type", "records/s", "stage")
_PIPE_WIDTH = 170  # characters
_DEPENDENCIES = {"postgresql": "PostgreSQL", "storage": "The storage", "bus": "The bus"}
_ADVICE = {
    "unaccounted_records": "see the log",
    "dead_letters": "integrahub dead groups",
    "held_deactivations": "integrahub batch list --held",
    "silent_pharmacies": "integrahub pharmacy list --silent",
}
Row = dict[str, Any]


@client_verb
def top(
    interval: Annotated[
        float | None, typer.Option(min=0.2, max=60, help="seconds between snapshots (2), or of --once in total (6)")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="print one snapshot and exit")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one snapshot as JSON")] = False,
) -> None:
    """Show throughput, lag, workers, batches and problems, live until Ctrl-C. Rates are of the last 10 s.

    Example: integrahub top --once
    """
    with open_client(timeout=_SNAPSHOT_TIMEOUT_SECONDS) as client, closing(HubSnapshots(client)) as snapshots:
        if as_json or once:
            snapshot = _take_last(snapshots, interval or _ONCE_SECONDS)
            if as_json:
                output.show_json(snapshot)
            else:
                _console().print(frame(snapshot))
            return
        first = frame(snapshots.take())
        with Live(first, console=output.OUT, auto_refresh=False, screen=output.OUT.is_terminal) as live:
            for snapshot in _take_regularly(snapshots, interval or _LIVE_INTERVAL_SECONDS):
                live.update(frame(snapshot), refresh=True)


def _console() -> Console:
    # A pipe has no width: print whole lines.
    return output.OUT if output.OUT.is_terminal else Console(file=output.OUT.file, width=_PIPE_WIDTH, highlight=False)


def _take_last(snapshots: HubSnapshots, seconds: float) -> Row:
    """Return the last of several snapshots, so that rates span more than one step of the counters."""
    snapshot, never, count = snapshots.take(), threading.Event(), max(1, round(seconds / _ONCE_INTERVAL_SECONDS))
    for _ in range(count):
        never.wait(seconds / count)
        snapshot = snapshots.take()
    return snapshot


def _take_regularly(snapshots: HubSnapshots, interval: float) -> Iterator[Row]:
    never = threading.Event()
    while True:
        never.wait(interval)
        yield snapshots.take()


def frame(snapshot: Mapping[str, Any]) -> RenderableType:
    """Return a snapshot as it is displayed."""
    batches = _batches(snapshot["batches"])
    return Group(_totals(snapshot), Text(), _steps(snapshot), Text(), batches, Text(), _problems(snapshot))


def _totals(snapshot: Mapping[str, Any]) -> Table:
    rates, as_of = snapshot["per_second"], snapshot["as_of"]
    counted = f", pharmacies as of {datetime.fromisoformat(as_of).astimezone():%H:%M:%S}" if as_of else ""
    title = f"IntegraHub at {datetime.now().astimezone():%H:%M:%S}{counted}"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    for column in ("products/s", "posts/s", "requests/s", "5xx/s", "chunks/s", "products 24 h", "pharmacies 24 h"):
        table.add_column(column, justify="right", no_wrap=True)
    per_second = [f"{rates[name]:,.1f}" for name in ("products", "posts", "requests", "refused", "chunks")]
    table.add_row(*per_second, f"{snapshot['products_24h']:,}", f"{snapshot['pharmacies_24h']:,}")
    return table


def _steps(snapshot: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("step", "workers", "most", "restarts", "records waiting", "messages waiting"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for step, figures in snapshot["steps"].items():
        table.add_row(step, *("" if value is None else f"{value:,}" for value in figures.values()))
    return table


def _batches(batches: Sequence[Row]) -> Text:
    rows = [batch | {"done": f"{batch['progress']:.0%}", "records/s": batch["rate"]} for batch in batches]
    layout = lay_out(rows, _COLUMNS, output.OUT.width if output.OUT.is_terminal else None)
    return Text.assemble((layout.header, "bold"), "\n", "\n".join(layout.lines), no_wrap=True)


def _problems(snapshot: Mapping[str, Any]) -> Text:
    down, counts = snapshot["down"], snapshot["troubles"]
    lines = [f"{_DEPENDENCIES.get(name, name)} does not answer: {reason}" for name, reason in down.items()]
    lines += snapshot["silent"]
    opened = [name for name, state in snapshot["breakers"].items() if state == "open" and name not in down]
    lines += [f"{_DEPENDENCIES.get(name, name)} is not called: its circuit breaker is open" for name in opened]
    lines += [f"{name.replace('_', ' ')}: {counts[name]:,} ({_ADVICE[name]})" for name in counts if counts[name]]
    return Text("\n".join(map(cell, lines)), style="bold red") if lines else Text("no trouble", style="green")
