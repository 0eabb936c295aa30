"""What was posted against what the hub says it received, applied and holds: by batch and by pharmacy."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from time import monotonic
from typing import Any

from rich.progress import Progress, TaskID

from integrahub.client.client import ApiError, Client
from integrahub.tools.loadtest.connections import Tally

_UNFINISHED = ("RECEIVED", "PROCESSING")
_PAGE = 500
_UNKNOWN = 404
_NEAR = 100  # unfinished batches of a kind that are looked at: looks shall cost the hub little
_LOOK = 0.5  # seconds between looks
_PATIENCE = 1800.0  # seconds until all must be applied
Row = dict[str, Any]


@dataclass(slots=True)
class Account:
    """One pharmacy: what was answered 202 (`posted`), what the hub lists of it, applied of it, and holds."""

    batches_posted: int = 0
    batches_received: int = 0
    records_posted: int = 0
    records_received: int = 0
    records_applied: int = 0
    products_held: int = 0

    @property
    def adds_up(self) -> bool:
        """Nothing is lost and nothing doubled."""
        records = {self.records_posted, self.records_received, self.records_applied, self.products_held}
        return self.batches_posted == self.batches_received and len(records) == 1


@dataclass(slots=True)
class Accounting:
    """Every pharmacy's account, each batch that is not as it must be, and when, by the hub's clock, all was done."""

    accounts: dict[str, Account]
    faults: list[str] = field(default_factory=list)
    first_received: datetime | None = None
    last_finished: datetime | None = None

    @property
    def adds_up(self) -> bool:
        """Whether each pharmacy's figures agree and no batch is at fault."""
        return not self.faults and all(account.adds_up for account in self.accounts.values())

    @property
    def applied(self) -> int:
        """Records applied, of all pharmacies."""
        return sum(account.records_applied for account in self.accounts.values())

    @property
    def seconds(self) -> float:
        """From the first batch's receipt to the last one's end."""
        if not self.first_received or not self.last_finished:
            return 0.0
        return (self.last_finished - self.first_received).total_seconds()


def account_for(client: Client, since: str, cnpjs: list[str], tally: Tally, progress: Progress) -> Accounting:
    """Compare, once all is applied. `client` sees the load's pharmacies alone; `since`: the hub's time before it."""
    _await_end(client, since, progress.add_task("applying", total=len(tally.accepted)), progress)
    found = Accounting({cnpj: Account() for cnpj in cnpjs})
    for cnpj, records in tally.accepted.values():
        found.accounts[cnpj].batches_posted += 1
        found.accounts[cnpj].records_posted += records
    task = progress.add_task("accounting for batches", total=len(tally.accepted))
    missing = dict(tally.accepted)
    for batch in client.list_all("/v1/batches", since=since, limit=_PAGE):
        _enter(found, batch, missing.pop(batch["batch_id"], None))
        progress.advance(task)
    found.faults += [f"batch {lost} of {of[0]} was answered 202 and is not listed" for lost, of in missing.items()]
    found.faults += [f"batch {repeated} was the answer to two posts" for repeated in tally.repeated]
    for cnpj in progress.track(cnpjs, description="counting products"):
        found.accounts[cnpj].products_held = products_held(client, cnpj)
    return found


def products_held(client: Client, cnpj: str) -> int:
    """Active products the hub shows for a pharmacy; 0 also where it does not know it."""
    try:
        return int(client.get("/v1/products", cnpj=cnpj, limit=1)["pagination"]["count"])
    except ApiError as refused:
        if refused.status != _UNKNOWN:
            raise
        return 0


def _enter(found: Accounting, batch: Row, posted: tuple[str, int] | None) -> None:
    """One listed batch into its pharmacy's account."""
    account = found.accounts[batch["cnpj"]]
    account.batches_received += 1
    account.records_received += batch["items_total"] or 0
    account.records_applied += batch["items_processed"]
    received, finished = (datetime.fromisoformat(batch[name]) for name in ("received_at", "finished_at"))
    found.first_received = min(received, found.first_received or received)
    found.last_finished = max(finished, found.last_finished or finished)
    named = f"batch {batch['batch_id']} of {batch['cnpj']}"
    if posted is None:
        found.faults.append(f"{named} is listed and no 202 was received for it")
    elif batch["status"] != "COMPLETED" or not posted[1] == batch["items_total"] == batch["items_processed"]:
        told = f"{batch['items_total']} received, {batch['items_processed']} applied, {batch['items_failed']} failed"
        found.faults.append(f"{named} is {batch['status']}: {posted[1]} records posted, {told}")


def _await_end(client: Client, since: str, task: TaskID, progress: Progress) -> None:
    """Return when nothing is unfinished; Refused when that takes too long."""
    end, never = monotonic() + _PATIENCE, threading.Event()
    total = int(progress.tasks[task].total or 0)
    while left := sum(1 for _ in chain.from_iterable(_unfinished(client, since))):
        if monotonic() > end:
            raise ApiError(
                f"{left} batches or more are unfinished after {_PATIENCE:.0f} s: see `integrahub batch list`"
            )
        progress.update(task, completed=max(0, total - left))
        never.wait(_LOOK)
    progress.update(task, completed=total)


def _unfinished(client: Client, since: str) -> Iterator[list[Row]]:
    """A page of unfinished batches of each kind."""
    for status in _UNFINISHED:
        yield client.get("/v1/batches", status=status, since=since, limit=_NEAR)["items"]
