"""`integrahub dead`: list, group, show and replay dead letters."""

from itertools import islice
from typing import Annotated, Any

import typer

from integrahub.cli.commands.batch import find_batch_id
from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Limit, OfCnpj, Wide, Yes, client_verb, confirm, parse_id
from integrahub.client import ApiError, Client
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import say, show_facts, show_rows

app = typer.Typer(help="Dead letters: list, groups, show, replay, replays, stop.", no_args_is_help=True)
OfError = Annotated[
    str | None, typer.Option(metavar="ERROR", help="only of this error class, error code or fingerprint")
]
_COLUMNS = ("id", "batch_id", "topic", "chunk", "records", "error", "cnpj", "created_at", "settled_at", "fingerprint")
_GROUP_COLUMNS = ("fingerprint", "count", "error_class", "error_code", "sample", "culprit", "last_seen", "first_seen")
_REPLAY_COLUMNS = ("id", "state", "letters", "replayed", "refusals", "actor", "created_at", "ended_at")
_MAX_PER_PAGE = 500
Row = dict[str, Any]


@app.command("list")
@client_verb
def list_dead_letters(
    error: OfError = None,
    cnpj: OfCnpj = None,
    with_settled: Annotated[bool, typer.Option("--all", help="settled letters too, after the open ones")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List the newest open dead letters.

    Example: integrahub dead list --error ZeroDivisionError
    """
    filters = {"error": error, "cnpj": cnpj}
    with open_client() as client:
        rows = client.get("/v1/dead-letters", **filters, settled=False, limit=limit)["items"]
        if with_settled and len(rows) < limit:
            rows += client.get("/v1/dead-letters", **filters, settled=True, limit=limit - len(rows))["items"]
    empty = "No dead letters." if with_settled else "No dead letter is open. Show settled ones with --all."
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def groups(as_json: AsJson = False, wide: Wide = False) -> None:
    """List failures by fingerprint, latest first.

    Example: integrahub dead groups
    """
    with open_client() as client:
        rows = client.get("/v1/dead-letters/groups")["items"]
    show_rows(rows, _GROUP_COLUMNS, as_json=as_json, empty="No failures.", wide=wide)


@app.command()
@client_verb
def show(letter_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one dead letter: its error, stack and attempts.

    Example: integrahub dead show 5
    """
    with open_client() as client:
        show_facts(client.get(f"/v1/dead-letters/{letter_id}"), as_json=as_json)


@app.command()
@client_verb
def replay(
    letter_id: Annotated[int | None, typer.Argument(metavar="[ID]", help="one letter; or use a filter")] = None,
    error: OfError = None,
    cnpj: OfCnpj = None,
    batch: Annotated[str | None, typer.Option(metavar="ID", help="only of this batch")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="maximum number of letters")] = 1000,
    yes: Yes = False,
) -> int:
    """Apply dead chunks and publish dead messages again, at INTEGRAHUB_REPLAY_RATE. Changes of later batches are kept.

    Example: integrahub dead replay --error ZeroDivisionError
    """
    with open_client() as client:
        filters = {"error": error, "cnpj": cnpj, "batch_id": find_batch_id(client, batch) if batch else None}
        selection: Row = {name: value for name, value in filters.items() if value}
        selection |= {"ids": [letter_id]} if letter_id else {}
        letters = _find_open_letters(client, letter_id, filters, limit) if selection else []
        if selection and not letters:
            described = _describe(filters, letter_id)
            raise ApiError(f"No open dead letter matches {described}. See `integrahub dead list --all`.")
        if letters:
            records = sum(letter["records"] for letter in letters)
            confirm(f"{len(letters):,} dead letters ({records:,} records) will be applied again. Continue?", yes=yes)
        result = client.call("POST", "/v1/dead-letters/replay", json={"filter": selection, "limit": limit})
    say(f"{result['asked']:,} letters will be applied again.")
    if result["operation_id"]:
        say(f"Follow it with `integrahub dead replays {result['operation_id']}`.")
    for refused in result["refused"]:
        reason = select_text(refused["message_pt"], refused["message_en"])
        say(f"Replay of batch {refused['batch_id']} refused: {reason}", "red")
    return 1 if result["refused"] else 0


@app.command()
@client_verb
def replays(
    operation_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="one replay; absent: the newest", callback=parse_id)
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List replays of dead letters, or show the progress and result of one.

    Example: integrahub dead replays
    """
    with open_client() as client:
        if operation_id:
            show_facts(client.get(f"/v1/dead-letters/replays/{operation_id}"), as_json=as_json)
            return
        rows = client.get("/v1/dead-letters/replays", limit=limit)["items"]
    show_rows(rows, _REPLAY_COLUMNS, as_json=as_json, empty="No replays of dead letters.", wide=wide)


@app.command()
@client_verb
def stop(
    operation_id: Annotated[str, typer.Argument(metavar="ID", help="id of the replay", callback=parse_id)],
) -> None:
    """Stop a replay of dead letters. Letters that it did not replay stay open.

    Example: integrahub dead stop 01a21f36-85f3-7d2a-bbde-c51e74e6224a
    """
    with open_client() as client:
        result = client.call("POST", f"/v1/dead-letters/replays/{operation_id}/stop")
    say(f"Stopped. {result['released']:,} letters stay open.")


def _find_open_letters(client: Client, letter_id: int | None, filters: Row, limit: int) -> list[Row]:
    """Return the letters that a replay would select, at most `limit`. Raise ApiError if `letter_id` does not exist."""
    if letter_id:
        letter = client.get(f"/v1/dead-letters/{letter_id}")
        matches = all(letter[name] == value for name, value in filters.items() if value and name != "error")
        return [letter] if matches and not letter["settled_at"] else []
    letters = client.list_all("/v1/dead-letters", settled=False, limit=min(limit, _MAX_PER_PAGE), **filters)
    return list(islice(letters, limit))


def _describe(filters: Row, letter_id: int | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in {"id": letter_id, **filters}.items() if value)
