"""`integrahub dead`: work that was given up, and what it has in common."""

from typing import Annotated, Any

import typer

from integrahub.cli.commands.batch import full_id
from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Limit, OfCnpj, Wide, Yes, client_verb, confirm
from integrahub.client.client import ApiError, Client
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import say, show_facts, show_rows

app = typer.Typer(help="Dead letters: list, groups, show, replay.", no_args_is_help=True)
OfError = Annotated[str | None, typer.Option(metavar="ERROR", help="a class, a code or a fingerprint")]
_COLUMNS = ("id", "batch_id", "chunk", "records", "error", "cnpj", "created_at", "settled_at", "fingerprint")
_GROUPS = ("fingerprint", "count", "error_class", "error_code", "sample", "culprit", "last_seen", "first_seen")
_PAGE = 500
Row = dict[str, Any]


@app.command("list")
@client_verb
def every(
    error: OfError = None,
    cnpj: OfCnpj = None,
    everything: Annotated[bool, typer.Option("--all", help="settled letters too, after the open ones")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List the newest letters that wait for a person.

    Example: integrahub dead list --error ZeroDivisionError
    """
    wanted = {"error": error, "cnpj": cnpj}
    with open_client() as client:
        rows = client.get("/v1/dead-letters", **wanted, settled=False, limit=limit)["items"]
        if everything and len(rows) < limit:
            rows += client.get("/v1/dead-letters", **wanted, settled=True, limit=limit - len(rows))["items"]
    empty = "No work was given up." if everything else "No dead letter is open. Settled ones: --all"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def groups(as_json: AsJson = False, wide: Wide = False) -> None:
    """List failures by fingerprint, latest first.

    Example: integrahub dead groups
    """
    with open_client() as client:
        rows = client.get("/v1/dead-letters/groups")["items"]
    show_rows(rows, _GROUPS, as_json=as_json, empty="No work was given up.", wide=wide)


@app.command()
@client_verb
def show(letter_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one letter: the error, its stack, every attempt.

    Example: integrahub dead show 5
    """
    with open_client() as client:
        show_facts(client.get(f"/v1/dead-letters/{letter_id}"), as_json=as_json)


@app.command()
@client_verb
def replay(
    letter_id: Annotated[int | None, typer.Argument(metavar="[ID]", help="one letter; or name a filter")] = None,
    error: OfError = None,
    cnpj: OfCnpj = None,
    batch: Annotated[str | None, typer.Option(metavar="ID", help="only of this batch")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="letters at most")] = 1000,
    yes: Yes = False,
) -> int:
    """Apply dead chunks again, at the hub's rate, and send dead messages again. Changes of later batches are kept.

    Example: integrahub dead replay --error ZeroDivisionError
    """
    with open_client() as client:
        named = {"error": error, "cnpj": cnpj, "batch_id": full_id(client, batch) if batch else None}
        given = {name: value for name, value in named.items() if value} | ({"ids": [letter_id]} if letter_id else {})
        letters = _open_letters(client, letter_id, named, limit) if given else []
        if given and not letters:
            raise ApiError(f"No open dead letter matches {_told(named, letter_id)}. See `integrahub dead list --all`.")
        if letters:
            records = sum(letter["records"] for letter in letters)
            confirm(f"{len(letters):,} dead letters ({records:,} records) will be applied again. Go on?", yes=yes)
        told = client.call("POST", "/v1/dead-letters/replay", json={"filter": given, "limit": limit})
    say(f"{told['asked']:,} letters will be applied again.")
    for refused in told["refused"]:
        say(
            f"Batch {refused['batch_id']} is refused: {select_text(refused['message_pt'], refused['message_en'])}",
            "red",
        )
    return 1 if told["refused"] else 0


def _open_letters(client: Client, letter_id: int | None, named: Row, limit: int) -> list[Row]:
    """What a replay will find, as far as it may go. Refused when the one letter named does not exist."""
    if letter_id:
        letter = client.get(f"/v1/dead-letters/{letter_id}")
        matches = all(letter[name] == value for name, value in named.items() if value and name != "error")
        return [letter] if matches and not letter["settled_at"] else []
    found: list[Row] = []
    for letter in client.list_all("/v1/dead-letters", settled=False, limit=min(limit, _PAGE), **named):
        found.append(letter)
        if len(found) == limit:
            break
    return found


def _told(named: Row, letter_id: int | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in {"id": letter_id, **named}.items() if value)
