"""`integrahub pharmacy`: who is known, and each one's settings."""

from typing import Annotated, Any

import typer

from integrahub.cli.client import Client
from integrahub.cli.options import AsJson, Wide, unmasked_cnpj
from integrahub.cli.output import show_facts, show_rows

app = typer.Typer(help="Pharmacies: add, list, show, set.", no_args_is_help=True)
Cnpj = Annotated[
    str, typer.Argument(metavar="CNPJ", help="with or without mask, numeric or alphanumeric", callback=unmasked_cnpj)
]
Name = Annotated[str | None, typer.Option(help="shown name")]
City = Annotated[str | None, typer.Option()]
State = Annotated[str | None, typer.Option(help="two letters")]
_COLUMNS = ("cnpj", "name", "city", "state", "deactivation_limit", "full_window_minutes", "rate_limit", "time_zone")


def _path(cnpj: str) -> str:
    return f"/admin/pharmacies/{cnpj}"


@app.command()
def add(cnpj: Cnpj, name: Name = None, city: City = None, state: State = None, as_json: AsJson = False) -> None:
    """Make a pharmacy known. (The first post of one does so too.)"""
    changes = {"name": name, "city": city, "state": state}
    with Client() as client:
        show_facts(client.call("PUT", _path(cnpj), json=changes), as_json=as_json)


@app.command("list")
def every(as_json: AsJson = False, wide: Wide = False) -> None:
    """All pharmacies, by CNPJ."""
    with Client() as client:
        rows = list(client.pages("/admin/pharmacies", limit=500))
    empty = "No pharmacies yet. Add one: integrahub pharmacy add CNPJ"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
def show(cnpj: Cnpj, as_json: AsJson = False) -> None:
    """One pharmacy and its settings."""
    with Client() as client:
        show_facts(client.get(_path(cnpj)), as_json=as_json)


@app.command("set")
def change(
    cnpj: Cnpj,
    name: Name = None,
    city: City = None,
    state: State = None,
    time_zone: Annotated[str | None, typer.Option(help="such as America/Manaus")] = None,
    deactivation_limit: Annotated[str | None, typer.Option(help="share of the products, such as 20%")] = None,
    full_window_minutes: Annotated[int | None, typer.Option(min=0, max=1440, help="0: every FULL is whole")] = None,
    rate_limit: Annotated[str | None, typer.Option(help="posts, such as 300/minute, or off")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; the rest stays."""
    changes: dict[str, Any] = {"name": name, "city": city, "state": state, "time_zone": time_zone}
    changes |= {"deactivation_limit": _share(deactivation_limit), "full_window_minutes": full_window_minutes}
    changes["rate_limit"] = rate_limit
    with Client() as client:
        client.get(_path(cnpj))
        show_facts(client.call("PUT", _path(cnpj), json=changes), as_json=as_json)


def _share(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text.strip().removesuffix("%").replace(",", ".")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"{text!r} is not a share; expected 0% to 100%, or 0 to 1")
    return share
