"""`integrahub audit`: list the actions of operators."""

from typing import Annotated

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import Limit, Wide, client_verb
from integrahub.tools.terminal.output import show_rows

_COLUMNS = ("id", "at", "actor", "action", "outcome", "subject", "address")


@client_verb
def audit(
    actor: Annotated[str | None, typer.Option(metavar="ACTOR", help="only of this actor, as the list shows it")] = None,
    action: Annotated[str | None, typer.Option(metavar="ACTION", help="only this action, such as key.revoke")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="only on this CNPJ, or id of a key or batch")
    ] = None,
    limit: Limit = 50,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with the state before and after")] = False,
    wide: Wide = False,
) -> None:
    """List the newest actions of operators.

    Example: integrahub audit --action key.revoke
    """
    with open_client() as client:
        rows = client.get("/admin/audit", actor=actor, action=action, subject=subject, limit=limit)["items"]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No actions recorded.", wide=wide)
