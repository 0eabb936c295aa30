"""The scenarios as verbs: `integrahub load mega | requests | million | many`."""

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from integrahub.cli.connect import load_trusted, open_client
from integrahub.settings.model import Settings
from integrahub.tools.loadtest import scenarios
from integrahub.tools.loadtest.report import accounts, accounts_table, figures, figures_table, told_faults
from integrahub.tools.loadtest.runner import Scenario, Target, open_target, own_hub, run
from integrahub.tools.loadtest.socket_limits import most_connections
from integrahub.tools.terminal.output import OUT, complain, notify, show_json

app = typer.Typer(
    no_args_is_help=True,
    help="Load on a hub of its own (or, with --url, on one made for tests), with accounting: exit code 1 when "
    "anything was lost, doubled or refused.",
)
Posts = Annotated[int, typer.Option(min=1, help="posts", metavar="N")]
Products = Annotated[int, typer.Option(min=1, help="products a post", metavar="N")]
Pharmacies = Annotated[int, typer.Option(min=1, max=10_000, help="pharmacies, real CNPJs", metavar="N")]
AtOnce = Annotated[int, typer.Option("--at-once", min=1, help="connections, each with one post under way", metavar="N")]
Workers = Annotated[int, typer.Option(min=1, help="upsert workers of the load's own hub", metavar="N")]
Url = Annotated[str | None, typer.Option(help="a hub that is there for tests; absent: one of the load's own")]
Key = Annotated[str | None, typer.Option(help="an operator's key of that hub (INTEGRAHUB_KEY)")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of tables")]


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
    """Very many small posts: 50,000 of 10 products, 100 at once.

    Example: integrahub load mega
    """
    _told(scenarios.small("mega", posts, products, pharmacies, at_once), _hub(url, key, workers), as_json=as_json)


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
    """Very many connections: 100,000 posts, as many at once as the machine's limits allow, at most 20,000.

    Example: integrahub load requests
    """
    lanes = most_connections(min(at_once, posts))
    notify(f"{lanes:,} connections at once, of {at_once:,} asked for: what posts, open files and ports allow.")
    _told(scenarios.small("requests", posts, products, pharmacies, lanes), _hub(url, key, workers), as_json=as_json)


@app.command()
def million(
    products: Products = 1_000_000,
    workers: Workers = 2,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """One very large post: 1,000,000 products in one FULL.

    Example: integrahub load million
    """
    _told(scenarios.million(products), _hub(url, key, workers), as_json=as_json)


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
    """Very many pharmacies: 1000 post a FULL of 1,000 products each, all at once.

    Example: integrahub load many
    """
    lanes = most_connections(min(at_once, pharmacies))
    _told(scenarios.many(pharmacies, products, lanes), _hub(url, key, workers), as_json=as_json)


def _hub(url: str | None, key: str | None, workers: int) -> AbstractContextManager[Target]:
    return open_target(open_client(url, key), load_trusted(Settings())) if url else own_hub(workers)


def _told(scenario: Scenario, hub: AbstractContextManager[Target], *, as_json: bool) -> None:
    with hub as target:
        outcome = run(target, scenario)
    found = figures(outcome)
    if as_json:
        show_json(found | {"accounts": accounts(outcome)})
    else:
        OUT.print(figures_table(found))
        OUT.print(accounts_table(outcome))
    if found["faults"]:
        complain("\n  ".join(["Not everything adds up:", *told_faults(found["faults"])]))
        raise typer.Exit(1)
    notify("Everything adds up: nothing lost, nothing doubled, nothing refused.")
