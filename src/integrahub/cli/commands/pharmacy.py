"""`integrahub pharmacy`: pharmacies and their settings."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Wide, client_verb, unmask_cnpj
from integrahub.tools.terminal.output import show_facts, show_rows

app = typer.Typer(help="Pharmacies: add, list, show, set.", no_args_is_help=True)
Cnpj = Annotated[
    str, typer.Argument(metavar="CNPJ", help="with or without mask, numeric or alphanumeric", callback=unmask_cnpj)
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="displayed name")]
City = Annotated[str | None, typer.Option(metavar="CITY", help="displayed city")]
State = Annotated[str | None, typer.Option(metavar="UF", help="displayed state, two letters")]
_DURATIONS = ("silent_for", "longest_gap")
_SILENT_COLUMNS = ("cnpj", "last_at", "silent_for", "longest_gap", "name", "city", "state")
_COLUMNS = ("cnpj", "name", "city", "state", "deactivation_limit", "full_window_minutes", "rate_limit", "time_zone")
_ROWS_PER_PAGE = 500
Row = dict[str, Any]


def _path(cnpj: str) -> str:
    return f"/admin/pharmacies/{cnpj}"


@app.command()
@client_verb
def add(cnpj: Cnpj, name: Name = None, city: City = None, state: State = None, as_json: AsJson = False) -> None:
    """Register a pharmacy. Its first post registers it too.

    Example: integrahub pharmacy add 05.927.228/0001-45 --name 'Farmácia Nova'
    """
    changes = {"name": name, "city": city, "state": state}
    with open_client() as client:
        _show(client.call("PUT", _path(cnpj), json=changes), as_json=as_json)


@app.command("list")
@client_verb
def list_pharmacies(
    silent: Annotated[
        bool, typer.Option("--silent", help="only those without posts for longer than ever before")
    ] = False,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List all pharmacies, by CNPJ.

    Example: integrahub pharmacy list --silent
    """
    with open_client() as client:
        rows = list(client.list_all("/admin/pharmacies", limit=_ROWS_PER_PAGE, silent=silent or None))
    empty = "No pharmacy is silent." if silent else "No pharmacies yet. Add one: integrahub pharmacy add CNPJ"
    shown = rows if as_json else [_to_shown(row) for row in rows]
    show_rows(shown, _SILENT_COLUMNS if silent else _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def show(cnpj: Cnpj, as_json: AsJson = False) -> None:
    """Show one pharmacy and its settings.

    Example: integrahub pharmacy show 05927228000145
    """
    with open_client() as client:
        _show(client.get(_path(cnpj)), as_json=as_json)


@app.command("set")
@client_verb
def set_options(
    cnpj: Cnpj,
    name: Name = None,
    city: City = None,
    state: State = None,
    time_zone: Annotated[str | None, typer.Option(metavar="ZONE", help="such as America/Manaus")] = None,
    deactivation_limit: Annotated[
        str | None, typer.Option(metavar="SHARE", help="of the active products, such as 20%")
    ] = None,
    full_window_minutes: Annotated[
        int | None,
        typer.Option(min=0, max=1440, metavar="N", help="for FULLs in several posts; 0: each is whole"),
    ] = None,
    rate_limit: Annotated[str | None, typer.Option(metavar="RATE", help="posts, such as 300/minute, or off")] = None,
    as_json: AsJson = False,
) -> None:
    """Change the given settings of a pharmacy, and no others.

    Example: integrahub pharmacy set 05927228000145 --deactivation-limit 30%
    """
    changes: Row = {"name": name, "city": city, "state": state, "time_zone": time_zone}
    changes |= {"deactivation_limit": _parse_share(deactivation_limit), "full_window_minutes": full_window_minutes}
    changes["rate_limit"] = rate_limit
    with open_client() as client:
        client.get(_path(cnpj))
        _show(client.call("PUT", _path(cnpj), json=changes), as_json=as_json)


def _show(pharmacy: Row, *, as_json: bool) -> None:
    show_facts(pharmacy if as_json else _to_shown(pharmacy), as_json=as_json)


def _to_shown(pharmacy: Row) -> Row:
    """Return the row with its share as a percentage, and durations in hours and minutes."""
    limit = pharmacy.get("deactivation_limit")
    share = {} if limit is None else {"deactivation_limit": f"{float(limit) * 100:.4g}%"}
    durations = {name: str(timedelta(seconds=round(pharmacy[name]))) for name in _DURATIONS if name in pharmacy}
    return pharmacy | share | durations


def _parse_share(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text.strip().removesuffix("%").replace(",", ".")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"{text!r} is no share; expected 0% to 100%, or 0 to 1")
    return share
