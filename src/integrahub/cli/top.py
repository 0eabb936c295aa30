"""`integrahub top`: the hub at a glance, live: what comes in, what waits, who works, what went wrong."""

import threading
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from integrahub.cli.client import Client
from integrahub.cli.output import OUT, show_json
from integrahub.cli.watching import Seen, figures

_BATCHES = 8
Row = dict[str, Any]


def top(
    interval: Annotated[float, typer.Option(min=0.2, max=60, help="seconds between looks")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="one look, then end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one look as JSON")] = False,
) -> None:
    """Throughput, lag, workers, batches and errors, live until Ctrl-C."""
    with Client() as client:
        looks = _looks(client, interval)
        if as_json:
            show_json(next(looks))
        elif once:
            OUT.print(frame(next(looks)))
        else:
            with Live(frame(next(looks)), console=OUT, auto_refresh=False, screen=OUT.is_terminal) as live:
                for look in looks:
                    live.update(frame(look), refresh=True)


def _looks(client: Client, interval: float) -> Iterator[Row]:
    """Figures of two looks an interval apart, again and again."""
    never, before = threading.Event(), Seen.of(client.text("/metrics"))
    while True:
        never.wait(interval)
        now = Seen.of(client.text("/metrics"))
        batches = client.get("/v1/batches", limit=_BATCHES)["items"]
        yield figures(before, now) | {"batches": batches}
        before = now


def frame(look: Row) -> RenderableType:
    """One look as it is shown."""
    return Group(_totals(look), Text(), _work(look), Text(), _batches(look["batches"]), Text(), _troubles(look))


def _totals(look: Row) -> Table:
    rates = look["per_second"]
    table = Table(box=None, header_style="bold", pad_edge=False, title="IntegraHub", title_justify="left")
    for column in ("products/s", "posts/s", "requests/s", "5xx/s", "chunks/s", "products 24 h", "pharmacies 24 h"):
        table.add_column(column, justify="right")
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


def _batches(batches: list[Row]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("batch", "pharmacy", "type", "status", "stage", "done", "products/s"):
        table.add_column(column, justify="right" if column in ("done", "products/s") else "left")
    for batch in batches:
        rate = "" if batch["rate"] is None else f"{batch['rate']:,.0f}"
        known = (batch["batch_id"], batch["cnpj"], batch["load_type"], batch["status"], batch["stage"])
        table.add_row(*known, f"{batch['progress']:.0%}", rate)
    return table


def _troubles(look: Row) -> Text:
    told = [f"{name.replace('_', ' ')}: {count:,}" for name, count in look["troubles"].items() if count]
    told += [f"{name} does not answer" for name, state in look["breakers"].items() if state == "open"]
    return Text("; ".join(told), style="bold red") if told else Text("no trouble", style="green")
