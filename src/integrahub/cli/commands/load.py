"""`integrahub load`: load tests, one verb per scenario."""

import asyncio
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from integrahub.cli.connect import load_trusted, open_client
from integrahub.settings.model import Settings
from integrahub.tools.loadtest import scenarios
from integrahub.tools.loadtest.report import (
    account_rows,
    accounts_table,
    compute_figures,
    figures_table,
    first_faults,
)
from integrahub.tools.loadtest.runner import Scenario, Target, open_target, run_scenario, run_temporary_hub
from integrahub.tools.loadtest.socket_limits import max_connections
from integrahub.tools.soak.alerts import watch_alerts
from integrahub.tools.soak.hub import run_hub
from integrahub.tools.soak.report import MAX_GROWTH, find_growth, render, summarise
from integrahub.tools.soak.rows import SoakReport
from integrahub.tools.soak.runner import SoakOrder, run_soak
from integrahub.tools.terminal.output import OUT, complain, notify, say, show_json

app = typer.Typer(
    no_args_is_help=True,
    help="Load tests with accounting, on a temporary hub or (--url) a test hub; exit code 1 if anything was lost, "
    "duplicated or refused.",
)
Posts = Annotated[int, typer.Option(min=1, help="number of posts", metavar="N")]
Products = Annotated[int, typer.Option(min=1, help="products per post", metavar="N")]
Pharmacies = Annotated[int, typer.Option(min=1, max=10_000, help="number of pharmacies, with real CNPJs", metavar="N")]
AtOnce = Annotated[int, typer.Option("--at-once", min=1, help="connections, each with one post at a time", metavar="N")]
Workers = Annotated[int, typer.Option(min=1, help="upsert workers of the temporary hub", metavar="N")]
Url = Annotated[str | None, typer.Option(help="URL of a test hub; if omitted, a temporary hub is started")]
Key = Annotated[str | None, typer.Option(help="operator's key of the test hub; if omitted: setting INTEGRAHUB_KEY")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


@app.command()
def mega(
    posts: Posts = 50_000,
    products: Products = 10,
    pharmacies: Pharmacies = 100,
    at_once: AtOnce = 100,
    workers: Workers = 2,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Post many small DELTAs: 50,000 posts of 10 products, 100 at once.

    Example: integrahub load mega
    """
    scenario = scenarios.build_deltas("mega", posts, products, pharmacies, at_once)
    _run(scenario, _open_hub(url, key, workers), as_json=as_json)


@app.command()
def requests(
    posts: Posts = 100_000,
    products: Products = 1,
    pharmacies: Pharmacies = 1_000,
    at_once: AtOnce = 20_000,
    workers: Workers = 2,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Post over many connections: 100,000 posts, up to 20,000 at once, as the machine's limits allow.

    Example: integrahub load requests
    """
    connections = max_connections(min(at_once, posts))
    notify(f"Using {connections:,} of {at_once:,} connections: the limit of posts, open files and ports.")
    scenario = scenarios.build_deltas("requests", posts, products, pharmacies, connections)
    _run(scenario, _open_hub(url, key, workers), as_json=as_json)


@app.command()
def million(
    products: Products = 1_000_000,
    workers: Workers = 2,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Post one large FULL of 1,000,000 products.

    Example: integrahub load million
    """
    _run(scenarios.build_large_full(products), _open_hub(url, key, workers), as_json=as_json)


@app.command()
def many(
    pharmacies: Pharmacies = 1_000,
    products: Products = 1_000,
    at_once: AtOnce = 10_000,
    workers: Workers = 2,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Post one FULL of 1,000 products for each of 1,000 pharmacies, all at once.

    Example: integrahub load many
    """
    connections = max_connections(min(at_once, pharmacies))
    scenario = scenarios.build_fulls(pharmacies, products, connections)
    _run(scenario, _open_hub(url, key, workers), as_json=as_json)


@app.command()
def soak(
    hours: Annotated[float, typer.Option(min=0.005, max=48, help="duration", metavar="H")] = 1.0,
    faults: Annotated[bool, typer.Option("--faults", help="let processes and services fail in turn")] = False,
    seed: Annotated[int, typer.Option(help="seed of the plan of faults: the same seed repeats it", metavar="N")] = 1,
    distributed: Annotated[bool, typer.Option("--distributed", help="on Kafka and S3, which it starts")] = False,
    report: Annotated[Path | None, typer.Option(help="write the report as Markdown", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Post, read and receive webhooks for hours on a temporary hub, then account for every batch.

    Example: integrahub load soak --hours 1 --faults --seed 7
    """
    result = _run_soak(SoakOrder(hours * 3600, seed, faults, distributed))
    if report:
        report.write_text(render(result), "utf-8")
    if as_json:
        show_json(msgspec.to_builtins(result))
    else:
        for line in summarise(result):
            say(line)
    if grown := find_growth(result):
        complain(
            f"Memory grew by more than {MAX_GROWTH:.0%} in the second half of a process's life: {', '.join(grown)}."
        )
    if grown or not result.is_passed:
        raise typer.Exit(1)
    notify("Nothing lost, doubled or unaccounted.")


def _run_soak(order: SoakOrder) -> SoakReport:
    with (
        run_hub(is_distributed=order.is_distributed) as (client, data_dir, services),
        watch_alerts(data_dir.parent / "prometheus", client.url) as alerts,
    ):
        return asyncio.run(run_soak(client, data_dir, order, services, alerts)).report()


def _open_hub(url: str | None, key: str | None, workers: int) -> AbstractContextManager[Target]:
    return open_target(open_client(url, key), load_trusted(Settings())) if url else run_temporary_hub(workers)


def _run(scenario: Scenario, hub: AbstractContextManager[Target], *, as_json: bool) -> None:
    with hub as target:
        outcome = run_scenario(target, scenario)
    figures = compute_figures(outcome)
    if as_json:
        show_json(figures | {"accounts": account_rows(outcome)})
    else:
        OUT.print(figures_table(figures))
        OUT.print(accounts_table(outcome))
    if figures["faults"]:
        complain("\n  ".join(["The accounts do not add up:", *first_faults(figures["faults"])]))
        raise typer.Exit(1)
    notify("All accounts add up: nothing lost, duplicated or refused.")
