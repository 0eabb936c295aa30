"""`integrahub audit`: what operators did."""

from typing import Annotated

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import Limit, Wide, client_verb
from integrahub.tools.terminal.output import show_rows

_COLUMNS = ("id", "at", "actor", "action", "outcome", "subject", "address")


@client_verb
def audit(
    actor: Annotated[str | None, typer.Option(metavar="ACTOR", help="as the list shows it")] = None,
    action: Annotated[str | None, typer.Option(metavar="ACTION", help="such as key.revoke")] = None,
    subject: Annotated[str | None, typer.Option(metavar="SUBJECT", help="a CNPJ, the id of a key or batch")] = None,
    limit: Limit = 50,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with what was so before and after")] = False,
    wide: Wide = False,
) -> None:
    """List the newest actions of operators.

    Example: integrahub audit --action key.revoke
    """
    with open_client() as client:
        rows = client.get("/admin/audit", actor=actor, action=action, subject=subject, limit=limit)["items"]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No action noted.", wide=wide)
