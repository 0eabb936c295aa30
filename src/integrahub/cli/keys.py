"""`integrahub key`: the API keys of pharmacies and vendors."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from integrahub.cli.client import Client
from integrahub.cli.options import AsJson, Wide, identifier
from integrahub.cli.output import show_facts, show_rows

app = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="as `key list` shows it", callback=identifier)]
_COLUMNS = (
    *("id", "hint", "cnpjs", "scopes", "reach", "revoked_at", "expires_at", "last_used_at", "rate_limit", "weak"),
    "created_at",
)


@app.command()
def create(
    cnpj: Annotated[list[str] | None, typer.Option(help="a pharmacy the key is for; may be repeated")] = None,
    for_all: Annotated[bool, typer.Option("--all", help="for every pharmacy (an ERP vendor's key)")] = False,
    is_chosen: Annotated[
        bool,
        typer.Option("--key", help="keep a key of one pharmacy (migration): asked for, or read from stdin"),
    ] = False,
    expires_at: Annotated[datetime | None, typer.Option(help="when it ends; absent: never")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="ingest, read; with --all viewer, operator, admin")] = None,
    rate_limit: Annotated[str | None, typer.Option(help="a limit of its own, such as 1000/minute")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown once."""
    if bool(cnpj) == for_all:
        raise typer.BadParameter("say whose key it is: --cnpj CNPJ (may be repeated), or --all")
    if is_chosen and (for_all or len(cnpj or []) != 1 or expires_at or scope or rate_limit):
        raise typer.BadParameter("--key keeps a chosen key of exactly one --cnpj, without an end, scopes or limit")
    with Client() as client:
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


def _asked(cnpj: list[str] | None, expires_at: datetime | None, scope: list[str] | None, rate: str | None) -> Any:
    ends = expires_at.astimezone().isoformat() if expires_at else None
    asked = {"cnpjs": cnpj or "all", "expires_at": ends, "scopes": scope, "rate_limit": rate}
    return {name: value for name, value in asked.items() if value}


@app.command("list")
def every(as_json: AsJson = False, wide: Wide = False) -> None:
    """All keys, newest first; never the keys themselves."""
    with Client() as client:
        rows = client.get("/admin/keys")["items"]
    empty = "No key yet. Make one: integrahub key create --cnpj CNPJ"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
def rotate(
    key_id: KeyId,
    old_ends_in_hours: Annotated[int | None, typer.Option(min=0, help="absent: until it is revoked")] = None,
    as_json: AsJson = False,
) -> None:
    """A second key with the same reach; revoke the first once nobody uses it, or let it end by itself."""
    with Client() as client:
        asked = {"old_ends_in_hours": old_ends_in_hours}
        show_facts(client.call("POST", f"/admin/keys/{key_id}/rotate", json=asked), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """End a key's life at once."""
    with Client() as client:
        show_facts(client.call("DELETE", f"/admin/keys/{key_id}"), as_json=as_json)
