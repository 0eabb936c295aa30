"""`integrahub key`: API keys of pharmacies and vendors."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Wide, client_verb, client_verb_with_key, parse_id
from integrahub.domain.api_keys import Scope
from integrahub.tools.terminal.output import show_facts, show_rows

app = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="id of the key, as `key list` shows it", callback=parse_id)]
_COLUMNS = (
    *("id", "hint", "cnpjs", "scopes", "tenants", "revoked_at", "expires_at", "last_used_at", "rate_limit", "weak"),
    "created_at",
)


@app.command()
@client_verb_with_key
def create(
    cnpj: Annotated[list[str] | None, typer.Option(metavar="CNPJ", help="for this pharmacy; repeatable")] = None,
    for_all: Annotated[bool, typer.Option("--all", help="for all pharmacies (key of an ERP vendor)")] = False,
    is_chosen: Annotated[
        bool,
        typer.Option("--key", help="register an existing key of one pharmacy, from a prompt or standard input"),
    ] = False,
    expires_at: Annotated[datetime | None, typer.Option(metavar="TIME", help="expiry, such as 2027-03-01")] = None,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="permission; viewer, operator and admin require --all")
    ] = None,
    rate_limit: Annotated[
        str | None, typer.Option(metavar="RATE", help="rate limit of this key, such as 1000/minute")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; it is shown once.

    Example: integrahub key create --cnpj 05927228000145
    """
    if bool(cnpj) == for_all:
        raise typer.BadParameter("name the pharmacies of the key: --cnpj CNPJ (repeatable), or --all")
    if is_chosen and (for_all or len(cnpj or []) != 1 or expires_at or scope or rate_limit):
        raise typer.BadParameter("--key requires exactly one --cnpj, and no expiry, scopes or rate limit")
    with open_client() as client:
        if is_chosen:
            body = {"key": _read_chosen_key(), "cnpj": (cnpj or [""])[0]}
            created = client.call("POST", "/admin/pharmacies/api-key", json=body)
        else:
            created = client.call("POST", "/admin/keys", json=_build_request(cnpj, expires_at, scope, rate_limit))
    show_facts(created, as_json=as_json)


def _read_chosen_key() -> str:
    # Not an option: process lists and the history of the shell would show it.
    if sys.stdin.isatty():
        return str(typer.prompt("Key", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _build_request(
    cnpj: list[str] | None, expires_at: datetime | None, scopes: list[Scope] | None, rate_limit: str | None
) -> dict[str, Any]:
    expiry = expires_at.astimezone().isoformat() if expires_at else None
    members = {"cnpjs": cnpj or "all", "expires_at": expiry, "scopes": scopes, "rate_limit": rate_limit}
    return {name: value for name, value in members.items() if value}


@app.command("list")
@client_verb
def list_keys(as_json: AsJson = False, wide: Wide = False) -> None:
    """List all keys, newest first; the keys themselves are never shown.

    Example: integrahub key list
    """
    with open_client() as client:
        rows = client.get("/admin/keys")["items"]
    empty = "No keys yet. Create one: integrahub key create --cnpj CNPJ"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def rotate(
    key_id: KeyId,
    old_ends_in_hours: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="hours until the old key expires; if omitted: never")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a second key with the same pharmacies and scopes; the old one works until it expires or is revoked.

    Example: integrahub key rotate ID --old-ends-in-hours 24
    """
    with open_client() as client:
        body = {"old_ends_in_hours": old_ends_in_hours}
        show_facts(client.call("POST", f"/admin/keys/{key_id}/rotate", json=body), as_json=as_json)


@app.command()
@client_verb
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """Revoke a key immediately.

    Example: integrahub key revoke ID
    """
    with open_client() as client:
        show_facts(client.call("DELETE", f"/admin/keys/{key_id}"), as_json=as_json)
