"""`integrahub batch`: what happened to batches, and decisions on them."""

from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Limit, OfCnpj, Wide, Yes, client_verb, confirm, identifier
from integrahub.cli.relative_times import parse_moment
from integrahub.client.client import ApiError, Client
from integrahub.domain.batches import BatchStatus, DeactivationState, LoadType
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import say, show_facts, show_rows

app = typer.Typer(help="Batches: list, show, errors, replay, cancel, approve, reject.", no_args_is_help=True)
BatchId = Annotated[
    str,
    typer.Argument(metavar="ID", help="the batch_id of the post's answer, or how it begins", callback=identifier),
]
_COLUMNS = (
    *("batch_id", "cnpj", "type", "status", "deactivation", "items_total", "inserted", "updated", "unchanged"),
    *("rejected", "deactivated", "stage", "received_at"),
)
_HELD = ("batch_id", "cnpj", "would go", "of", "reason", "received_at")
_FAULTS = ("position", "product_id", "field", "code", "value", "message", "severity", "byte_offset")
_FULL_ID = 32  # hexadecimal digits
Row = dict[str, Any]


@app.command("list")
@client_verb
def every(
    cnpj: OfCnpj = None,
    status: Annotated[BatchStatus | None, typer.Option(case_sensitive=False, help="only in this state")] = None,
    load_type: Annotated[
        LoadType | None, typer.Option("--type", case_sensitive=False, help="only of this kind")
    ] = None,
    held: Annotated[bool, typer.Option("--held", help="only those whose deactivation waits for a decision")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="received since 2026-03-01, 2026-03-01T10:00, or 30m, 2h, 7d ago"),
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List the newest batches.

    Example: integrahub batch list --status failed --since 2h
    """
    wanted = {"cnpj": cnpj, "status": status, "load_type": load_type, "since": parse_moment(since), "limit": limit}
    with open_client() as client:
        rows = client.get("/v1/batches", deactivation=DeactivationState.HELD.value if held else None, **wanted)["items"]
        if not rows:
            _check_pharmacy(client, cnpj)
    asks = cnpj or status or load_type or since
    empty = "No deactivation is held." if held else "No batch matches." if asks else "No batches yet."
    shown = rows if as_json else [_readable(row) for row in rows]
    show_rows(shown, _HELD if held else _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show everything known of one batch.

    Example: integrahub batch show 01a21cf8
    """
    with open_client() as client:
        show_facts(client.get(f"/v1/batches/{full_id(client, batch_id)}"), as_json=as_json)


@app.command()
@client_verb
def errors(batch_id: BatchId, as_json: AsJson = False, wide: Wide = False) -> None:
    """List what is wrong with its records: rejected ones and warnings.

    Example: integrahub batch errors 01a21cf8 > errors.txt
    """
    with open_client() as client:
        rows = list(client.list_all(f"/v1/batches/{full_id(client, batch_id)}/errors", limit=1000))
    shown = rows if as_json else [row | {"message": select_text(row["message_pt"], row["message_en"])} for row in rows]
    show_rows(shown, _FAULTS, as_json=as_json, empty="No record of this batch is at fault.", wide=wide)


@app.command()
@client_verb
def replay(batch_id: BatchId) -> None:
    """Apply a batch again at its original position; changes made by later batches are kept.

    Example: integrahub batch replay 01a21cf8
    """
    with open_client() as client:
        queued = client.call("POST", f"/v1/batches/{full_id(client, batch_id)}/replay")
    say(f"Queued as {queued['batch_id']}. Follow it: integrahub batch show {queued['batch_id']}")


@app.command()
@client_verb
def cancel(batch_id: BatchId) -> None:
    """Stop a batch; what has been applied stays.

    Example: integrahub batch cancel 01a21cf8
    """
    with open_client() as client:
        told = client.call("POST", f"/v1/batches/{full_id(client, batch_id)}/cancel")
    applied = ", ".join(f"{told[name]:,} {name}" for name in ("inserted", "updated", "unchanged") if told[name])
    say(f"Cancelled. What was applied stays: {applied or 'nothing'}. Left out: {told['cancelled']:,}.")


@app.command()
@client_verb
def approve(batch_id: BatchId, yes: Yes = False) -> None:
    """Approve a held deactivation: deactivate the products missing from the FULL.

    Example: integrahub batch approve 01a21cf8
    """
    with open_client() as client:
        batch = client.get(f"/v1/batches/{full_id(client, batch_id)}")
        held = batch["deactivation"]
        if held["state"] == DeactivationState.HELD:
            say(f"Held because: {select_text(held['reason_pt'], held['reason'])}.")
            count = f"{held['candidates']:,} of {held['active']:,} active products of {batch['cnpj']}"
            confirm(f"{count} will be deactivated. Go on?", yes=yes)
        _decide(client, batch["batch_id"], "approve")
    say("Approved: the deactivation is queued.")


@app.command()
@client_verb
def reject(batch_id: BatchId) -> None:
    """Reject a held deactivation: the products missing from the FULL stay active.

    Example: integrahub batch reject 01a21cf8
    """
    with open_client() as client:
        _decide(client, full_id(client, batch_id), "reject")
    say("Rejected: everything stays active.")


def full_id(client: Client, given: str) -> str:
    """Return the id of the one batch that begins so. Refused when none or several do."""
    digits = given.replace("-", "")
    if len(digits) >= _FULL_ID:
        return given
    if len(digits) < 4 or set(digits.lower()) - set("0123456789abcdef"):
        raise ApiError(
            f"{given!r} is no batch id. Expected one as `integrahub batch list` shows it, or its first digits."
        )
    found = [row["batch_id"] for row in client.get("/v1/batches", id_prefix=given, limit=2)["items"]]
    if len(found) == 1:
        return str(found[0])
    raise ApiError(f"{'Several batches begin' if found else 'No batch begins'} with {given}.")


def _check_pharmacy(client: Client, cnpj: str | None) -> None:
    """Refused when the pharmacy is not known; an answer that the key may not have says nothing."""
    kept = "".join(filter(str.isalnum, cnpj or ""))
    try:
        if kept:
            client.get(f"/admin/pharmacies/{kept}")
    except ApiError as error:
        if error.status not in (401, 403):
            raise


def _readable(row: Row) -> Row:
    held = row["deactivation"]
    more = {
        "would go": held["candidates"],
        "of": held["active"],
        "reason": select_text(held["reason_pt"], held["reason"]),
    }
    return row | more | {"type": row["load_type"], "deactivation": held["state"]}


def _decide(client: Client, batch_id: str, decision: str) -> None:
    client.call("POST", f"/v1/batches/{batch_id}/deactivation", json={"decision": decision})
