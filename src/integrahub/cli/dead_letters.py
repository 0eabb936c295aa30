"""`integrahub dead`: work that was given up, and what it has in common."""

from typing import Annotated

import typer

from integrahub.cli.client import Client
from integrahub.cli.options import AsJson, Wide
from integrahub.cli.output import say, show_facts, show_rows

app = typer.Typer(help="Dead letters: list, groups, show, replay.", no_args_is_help=True)
_COLUMNS = ("id", "batch_id", "chunk", "records", "error", "cnpj", "created_at", "settled_at", "fingerprint")
_GROUPS = ("fingerprint", "count", "error_class", "error_code", "sample", "place", "last_seen", "first_seen")


@app.command("list")
def every(
    error: Annotated[str | None, typer.Option(help="a class, a code or a fingerprint")] = None,
    cnpj: Annotated[str | None, typer.Option(help="only of this pharmacy")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """The newest letters."""
    with Client() as client:
        rows = client.get("/v1/dead-letters", error=error, cnpj=cnpj, limit=limit)["items"]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No work was given up.", wide=wide)


@app.command()
def groups(as_json: AsJson = False, wide: Wide = False) -> None:
    """Failures by fingerprint, latest first."""
    with Client() as client:
        rows = client.get("/v1/dead-letters/groups")["items"]
    show_rows(rows, _GROUPS, as_json=as_json, empty="No work was given up.", wide=wide)


@app.command()
def show(letter_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """One letter: the error, its stack, every attempt."""
    with Client() as client:
        show_facts(client.get(f"/v1/dead-letters/{letter_id}"), as_json=as_json)


@app.command()
def replay(
    letter_id: Annotated[int | None, typer.Argument(metavar="[ID]", help="one letter; or name a filter")] = None,
    error: Annotated[str | None, typer.Option(help="a class, a code or a fingerprint")] = None,
    cnpj: Annotated[str | None, typer.Option(help="only of this pharmacy")] = None,
    batch: Annotated[str | None, typer.Option(help="only of this batch")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 1000,
) -> int:
    """Apply dead chunks again, at the hub's rate, and send dead messages again; what later batches said stays said."""
    given = {"ids": [letter_id] if letter_id else None, "error": error, "cnpj": cnpj, "batch_id": batch}
    wanted = {"filter": {name: value for name, value in given.items() if value is not None}, "limit": limit}
    with Client() as client:
        told = client.call("POST", "/v1/dead-letters/replay", json=wanted)
    say(f"{told['asked']} letters will be applied again.")
    for refused in told["refused"]:
        say(f"Batch {refused['batch_id']} is refused: {refused['message_en']}", "red")
    return 1 if told["refused"] else 0
