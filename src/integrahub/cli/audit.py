"""`integrahub audit`: what operators did."""

from typing import Annotated

import typer

from integrahub.cli.client import Client
from integrahub.cli.options import Wide
from integrahub.cli.output import show_rows

_COLUMNS = ("id", "at", "actor", "action", "outcome", "subject", "address")


def audit(
    actor: Annotated[str | None, typer.Option(help="as the list shows it")] = None,
    action: Annotated[str | None, typer.Option(help="such as key.revoke")] = None,
    subject: Annotated[str | None, typer.Option(help="a CNPJ, the id of a key or batch")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with what was so before and after")] = False,
    wide: Wide = False,
) -> None:
    """The newest actions of operators."""
    with Client() as client:
        rows = client.get("/admin/audit", actor=actor, action=action, subject=subject, limit=limit)["items"]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No action noted.", wide=wide)
