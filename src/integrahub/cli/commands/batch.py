"""`integrahub batch`: list and show batches, and decide on them."""

from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import AsJson, Limit, OfCnpj, Wide, Yes, client_verb, confirm, parse_id
from integrahub.cli.relative_times import parse_time
from integrahub.client import ApiError, Client
from integrahub.domain.batches import BODY_ERRORS, BatchStatus, DeactivationState, LoadType
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import say, show_facts, show_rows

app = typer.Typer(help="Batches: list, show, errors, replay, cancel, approve, reject.", no_args_is_help=True)
BatchId = Annotated[
    str,
    typer.Argument(metavar="ID", help="batch_id, or at least its first 4 digits", callback=parse_id),
]
_COLUMNS = (
    *("batch_id", "cnpj", "type", "status", "deactivation", "items_total", "inserted", "updated", "unchanged"),
    *("rejected", "deactivated", "stage", "received_at"),
)
_HELD_COLUMNS = ("batch_id", "cnpj", "would go", "of", "reason", "received_at")
_ERROR_COLUMNS = ("position", "product_id", "field", "code", "value", "message", "severity", "byte_offset")
_ID_DIGITS = 32  # hexadecimal
_MIN_ID_DIGITS = 4
_ERRORS_PER_PAGE = 1000
Row = dict[str, Any]


@app.command("list")
@client_verb
def list_batches(
    cnpj: OfCnpj = None,
    status: Annotated[BatchStatus | None, typer.Option(case_sensitive=False, help="only with this status")] = None,
    load_type: Annotated[
        LoadType | None, typer.Option("--type", case_sensitive=False, help="only of this load type")
    ] = None,
    held: Annotated[bool, typer.Option("--held", help="only with a held deactivation")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="only received since 2026-03-01, 2026-03-01T10:00, or 30m, 2h, 7d ago"),
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List the newest batches.

    Example: integrahub batch list --status failed --since 2h
    """
    filters = {"cnpj": cnpj, "status": status, "load_type": load_type, "since": parse_time(since), "limit": limit}
    deactivation = DeactivationState.HELD.value if held else None
    with open_client() as client:
        rows = client.get("/v1/batches", deactivation=deactivation, **filters)["items"]
        if not rows:
            _check_pharmacy(client, cnpj)
    is_filtered = cnpj or status or load_type or since
    empty = "No deactivation is held." if held else "No batch matches." if is_filtered else "No batches yet."
    shown = rows if as_json else [_to_shown(row) for row in rows]
    show_rows(shown, _HELD_COLUMNS if held else _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command()
@client_verb
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show all details of one batch.

    Example: integrahub batch show 01a21cf8
    """
    with open_client() as client:
        show_facts(client.get(f"/v1/batches/{find_batch_id(client, batch_id)}"), as_json=as_json)


@app.command()
@client_verb
def errors(batch_id: BatchId, as_json: AsJson = False, wide: Wide = False) -> None:
    """List the rejected records of a batch, and the warnings.

    Example: integrahub batch errors 01a21cf8 > errors.txt
    """
    with open_client() as client:
        path = f"/v1/batches/{find_batch_id(client, batch_id)}/errors"
        rows = list(client.list_all(path, limit=_ERRORS_PER_PAGE))
    shown = rows if as_json else [row | {"message": select_text(row["message_pt"], row["message_en"])} for row in rows]
    show_rows(shown, _ERROR_COLUMNS, as_json=as_json, empty="No rejected records, no warnings.", wide=wide)


@app.command()
@client_verb
def replay(batch_id: BatchId, yes: Yes = False) -> None:
    """Apply a batch again at its original position; changes made by later batches are kept.

    Example: integrahub batch replay 01a21cf8
    """
    with open_client() as client:
        batch = client.get(f"/v1/batches/{find_batch_id(client, batch_id)}")
        error = batch.get("error") or {}
        if error.get("code") in BODY_ERRORS:
            say(f"The body is at fault: {select_text(error['message_pt'], error['message_en'])}")
            say("A replay reads the same body and fails in the same way; the pharmacy must send it again.")
            confirm("Replay it anyway?", yes=yes)
        queued = client.call("POST", f"/v1/batches/{batch['batch_id']}/replay")
    say(f"Queued as {queued['batch_id']}. Follow it: integrahub batch show {queued['batch_id']}")


@app.command()
@client_verb
def cancel(batch_id: BatchId) -> None:
    """Cancel a batch; changes already applied are kept.

    Example: integrahub batch cancel 01a21cf8
    """
    with open_client() as client:
        result = client.call("POST", f"/v1/batches/{find_batch_id(client, batch_id)}/cancel")
    applied = ", ".join(f"{result[name]:,} {name}" for name in ("inserted", "updated", "unchanged") if result[name])
    say(f"Cancelled {result['cancelled']:,} records. Already applied and kept: {applied or 'none'}.")


@app.command()
@client_verb
def approve(batch_id: BatchId, yes: Yes = False) -> None:
    """Approve a held deactivation: deactivate the products missing from the FULL.

    Example: integrahub batch approve 01a21cf8
    """
    with open_client() as client:
        batch = client.get(f"/v1/batches/{find_batch_id(client, batch_id)}")
        held = batch["deactivation"]
        if held["state"] == DeactivationState.HELD:
            say(f"Held because: {select_text(held['reason_pt'], held['reason'])}.")
            count = f"{held['candidates']:,} of {held['active']:,} active products of {batch['cnpj']}"
            confirm(f"{count} will be deactivated. Continue?", yes=yes)
        _decide(client, batch["batch_id"], "approve")
    say("Approved: the deactivation is queued.")


@app.command()
@client_verb
def reject(batch_id: BatchId) -> None:
    """Reject a held deactivation: the products missing from the FULL stay active.

    Example: integrahub batch reject 01a21cf8
    """
    with open_client() as client:
        _decide(client, find_batch_id(client, batch_id), "reject")
    say("Rejected: all products stay active.")


def find_batch_id(client: Client, start: str) -> str:
    """Return the id of the one batch whose id begins with `start`. Raise ApiError if none or several do."""
    digits = start.replace("-", "")
    if len(digits) >= _ID_DIGITS:
        return start
    if len(digits) < _MIN_ID_DIGITS or set(digits.lower()) - set("0123456789abcdef"):
        raise ApiError(
            f"{start!r} is no batch id. Expected one as `integrahub batch list` shows it, or its first 4 digits."
        )
    ids = [row["batch_id"] for row in client.get("/v1/batches", id_prefix=start, limit=2)["items"]]
    if len(ids) == 1:
        return str(ids[0])
    raise ApiError(f"{'Several batches begin' if ids else 'No batch begins'} with {start}.")


def _check_pharmacy(client: Client, cnpj: str | None) -> None:
    """Raise ApiError if the pharmacy does not exist. A key without access to pharmacies skips the check."""
    unmasked = "".join(filter(str.isalnum, cnpj or ""))
    try:
        if unmasked:
            client.get(f"/admin/pharmacies/{unmasked}")
    except ApiError as error:
        if error.status not in (401, 403):
            raise


def _to_shown(row: Row) -> Row:
    held = row["deactivation"]
    reason = select_text(held["reason_pt"], held["reason"])
    more = {"would go": held["candidates"], "of": held["active"], "reason": reason}
    return row | more | {"type": row["load_type"], "deactivation": held["state"]}


def _decide(client: Client, batch_id: str, decision: str) -> None:
    client.call("POST", f"/v1/batches/{batch_id}/deactivation", json={"decision": decision})
