"""`integrahub batch`: what happened to batches, and decisions on them."""

from typing import Annotated

import typer

from integrahub.cli.client import Client
from integrahub.cli.options import AsJson, Wide, identifier
from integrahub.cli.output import say, show_facts, show_rows

app = typer.Typer(help="Batches: list, show, errors, replay, cancel, approve, reject.", no_args_is_help=True)
BatchId = Annotated[
    str, typer.Argument(metavar="ID", help="the batch_id of the answer to the post", callback=identifier)
]
_COLUMNS = (
    *("batch_id", "cnpj", "load_type", "status", "items_total", "inserted", "updated", "unchanged", "rejected"),
    *("deactivated", "stage", "received_at"),
)
_FAULTS = ("position", "product_id", "field", "code", "value", "message_en", "severity", "byte_offset")


@app.command("list")
def every(
    cnpj: Annotated[str | None, typer.Option(help="only of this pharmacy")] = None,
    status: Annotated[str | None, typer.Option(help="RECEIVED, PROCESSING, COMPLETED, ...")] = None,
    load_type: Annotated[str | None, typer.Option("--type", help="full or delta")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """The newest batches."""
    with Client() as client:
        rows = client.get("/v1/batches", cnpj=cnpj, status=status, load_type=load_type, limit=limit)["items"]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No batches yet.", wide=wide)


@app.command()
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Everything known of one batch."""
    with Client() as client:
        show_facts(client.get(f"/v1/batches/{batch_id}"), as_json=as_json)


@app.command()
def errors(batch_id: BatchId, as_json: AsJson = False, wide: Wide = False) -> None:
    """What is wrong with its records: rejected ones and warnings."""
    with Client() as client:
        rows = list(client.pages(f"/v1/batches/{batch_id}/errors", limit=1000))
    show_rows(rows, _FAULTS, as_json=as_json, empty="No record of this batch is at fault.", wide=wide)


@app.command()
def replay(batch_id: BatchId) -> None:
    """Apply a batch again in the place it had; what later batches said stays said."""
    with Client() as client:
        queued = client.call("POST", f"/v1/batches/{batch_id}/replay")
    say(f"Queued as {queued['batch_id']}. See what comes of it: integrahub batch show {queued['batch_id']}")


@app.command()
def cancel(batch_id: BatchId) -> None:
    """Stop a batch; what has been applied stands."""
    with Client() as client:
        told = client.call("POST", f"/v1/batches/{batch_id}/cancel")
    applied = ", ".join(f"{told[name]} {name}" for name in ("inserted", "updated", "unchanged") if told[name])
    say(f"Cancelled. What was applied stands: {applied or 'nothing'}. Left out: {told['cancelled']}.")


@app.command()
def approve(batch_id: BatchId) -> None:
    """Deactivate what a held FULL no longer has."""
    _decide(batch_id, "approve")


@app.command()
def reject(batch_id: BatchId) -> None:
    """Leave everything active that a held FULL no longer has."""
    _decide(batch_id, "reject")


def _decide(batch_id: str, decision: str) -> None:
    with Client() as client:
        client.call("POST", f"/v1/batches/{batch_id}/deactivation", json={"decision": decision})
    told = {"approve": "Approved: the deactivation is queued.", "reject": "Rejected: everything stays active."}
    say(told[decision])
