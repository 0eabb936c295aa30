"""`integrahub key`: the API keys of pharmacies and vendors."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Wide, client_verb, client_verb_with_key, identifier
from integrahub.domain.api_keys import Scope
from integrahub.tools.terminal.output import show_facts, show_rows

app = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="as `key list` shows it", callback=identifier)]
_COLUMNS = (
    *("id", "hint", "cnpjs", "scopes", "tenants", "revoked_at", "expires_at", "last_used_at", "rate_limit", "weak"),
    "created_at",
)


@app.command()
@client_verb_with_key
def create(
    cnpj: Annotated[list[str] | None, typer.Option(metavar="CNPJ", help="a pharmacy it is for; repeatable")] = None,
    for_all: Annotated[bool, typer.Option("--all", help="for every pharmacy (an ERP vendor's key)")] = False,
    is_chosen: Annotated[
        bool,
        typer.Option("--key", help="keep a key of one pharmacy (migration): asked for, or read from stdin"),
    ] = False,
    expires_at: Annotated[datetime | None, typer.Option(metavar="TIME", help="its end, such as 2027-03-01")] = None,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="what it may do; viewer, operator and admin need --all")
    ] = None,
    rate_limit: Annotated[str | None, typer.Option(metavar="RATE", help="its own, such as 1000/minute")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown once.

    Example: integrahub key create --cnpj 05927228000145
    """
    if bool(cnpj) == for_all:
        raise typer.BadParameter("say whose key it is: --cnpj CNPJ (may be repeated), or --all")
    if is_chosen and (for_all or len(cnpj or []) != 1 or expires_at or scope or rate_limit):
        raise typer.BadParameter("--key keeps a chosen key of exactly one --cnpj, without an end, scopes or limit")
    with open_client() as client:
        if is_chosen:
            wanted = {"key": _chosen_key(), "cnpj": (cnpj or [""])[0]}
            made = client.call("POST", "/admin/pharmacies/api-key", json=wanted)
        else:
            made = client.call("POST", "/admin/keys", json=_asked(cnpj, expires_at, scope, rate_limit))
    show_facts(made, as_json=as_json)


def _chosen_key() -> str:
    """Read a key from where no process list and no history of the shell shows it."""
    if sys.stdin.isatty():
        return str(typer.prompt("Key", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _asked(cnpj: list[str] | None, expires_at: datetime | None, scope: list[Scope] | None, rate: str | None) -> Any:
    ends = expires_at.astimezone().isoformat() if expires_at else None
    asked = {"cnpjs": cnpj or "all", "expires_at": ends, "scopes": scope, "rate_limit": rate}
    return {name: value for name, value in asked.items() if value}


@app.command("list")
@client_verb
def every(as_json: AsJson = False, wide: Wide = False) -> None:
    """List all keys, newest first; never the keys themselves.

    Example: integrahub key list
    """
    with open_client() as client:
        rows = client.get("/admin/keys")["items"]
    empty = "No key yet. Make one: integrahub key create --cnpj CNPJ"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def rotate(
    key_id: KeyId,
    old_ends_in_hours: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="absent: when it is revoked")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a second key with the same reach; revoke the first later, or let it end by itself.

    Example: integrahub key rotate ID --old-ends-in-hours 24
    """
    with open_client() as client:
        asked = {"old_ends_in_hours": old_ends_in_hours}
        show_facts(client.call("POST", f"/admin/keys/{key_id}/rotate", json=asked), as_json=as_json)


@app.command()
@client_verb
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """Revoke a key at once.

    Example: integrahub key revoke ID
    """
    with open_client() as client:
        show_facts(client.call("DELETE", f"/admin/keys/{key_id}"), as_json=as_json)
