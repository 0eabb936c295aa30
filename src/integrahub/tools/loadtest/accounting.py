"""Accounting of a load, by batch and pharmacy: posts must equal what the hub received, applied and stores."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from time import monotonic
from typing import Any

from rich.progress import Progress, TaskID

from integrahub.client import ApiError, Client
from integrahub.tools.loadtest.connections import Tally

_UNFINISHED = ("RECEIVED", "PROCESSING")
_BATCHES_PER_PAGE = 500
_NOT_FOUND = 404
_MAX_POLLED_BATCHES = 100  # unfinished ones per status, so that polling costs the hub little
_BATCHES_POLL_INTERVAL_SECONDS = 0.5
_FINISH_TIMEOUT_SECONDS = 1800.0
Row = dict[str, Any]


@dataclass(slots=True)
class Account:
    """Totals of one pharmacy: posted (answered 202), received and applied (as the hub lists), held (as products)."""

    batches_posted: int = 0
    batches_received: int = 0
    records_posted: int = 0
    records_received: int = 0
    records_applied: int = 0
    products_held: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost or duplicated."""
        records = {self.records_posted, self.records_received, self.records_applied, self.products_held}
        return self.batches_posted == self.batches_received and len(records) == 1


@dataclass(slots=True)
class Accounting:
    """Accounts by pharmacy, a sentence per faulty batch, and the hub's times of the first receipt and the last end."""

    accounts: dict[str, Account]
    faults: list[str] = field(default_factory=list)
    first_received: datetime | None = None
    last_finished: datetime | None = None

    @property
    def adds_up(self) -> bool:
        """Whether every account adds up and no batch is faulty."""
        return not self.faults and all(account.adds_up for account in self.accounts.values())

    @property
    def applied(self) -> int:
        """Applied records of all pharmacies."""
        return sum(account.records_applied for account in self.accounts.values())

    @property
    def seconds(self) -> float:
        """Seconds from the receipt of the first batch to the end of the last one."""
        if not self.first_received or not self.last_finished:
            return 0.0
        return (self.last_finished - self.first_received).total_seconds()


def account_for(client: Client, since: str, cnpjs: list[str], tally: Tally, progress: Progress) -> Accounting:
    """Wait until all batches are final, and compare them with the posts.

    `client` must see no other pharmacies; `since` is the hub's time before the first post.
    """
    _wait_until_finished(client, since, progress.add_task("applying", total=len(tally.accepted)), progress)
    accounting = Accounting({cnpj: Account() for cnpj in cnpjs})
    for cnpj, records in tally.accepted.values():
        accounting.accounts[cnpj].batches_posted += 1
        accounting.accounts[cnpj].records_posted += records
    task = progress.add_task("accounting for batches", total=len(tally.accepted))
    unlisted = dict(tally.accepted)
    for batch in client.list_all("/v1/batches", since=since, limit=_BATCHES_PER_PAGE):
        _add_batch(accounting, batch, unlisted.pop(batch["batch_id"], None))
        progress.advance(task)
    accounting.faults += [
        f"batch {batch_id} of {cnpj} was answered 202 and is not listed" for batch_id, (cnpj, _) in unlisted.items()
    ]
    accounting.faults += [f"batch {batch_id} was the answer to two posts" for batch_id in tally.repeated]
    for cnpj in progress.track(cnpjs, description="counting products"):
        accounting.accounts[cnpj].products_held = count_products(client, cnpj)
    return accounting


def count_products(client: Client, cnpj: str) -> int:
    """Return the number of active products of a pharmacy; 0 if the hub does not know it."""
    try:
        return int(client.get("/v1/products", cnpj=cnpj, limit=1)["pagination"]["count"])
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        return 0


def _add_batch(accounting: Accounting, batch: Row, posted: tuple[str, int] | None) -> None:
    """Add a listed batch to the account of its pharmacy."""
    account = accounting.accounts[batch["cnpj"]]
    account.batches_received += 1
    account.records_received += batch["items_total"] or 0
    account.records_applied += batch["items_processed"]
    received, finished = (datetime.fromisoformat(batch[name]) for name in ("received_at", "finished_at"))
    accounting.first_received = min(received, accounting.first_received or received)
    accounting.last_finished = max(finished, accounting.last_finished or finished)
    name = f"batch {batch['batch_id']} of {batch['cnpj']}"
    if posted is None:
        accounting.faults.append(f"{name} is listed and no 202 was received for it")
    elif batch["status"] != "COMPLETED" or not posted[1] == batch["items_total"] == batch["items_processed"]:
        counts = f"{batch['items_total']} received, {batch['items_processed']} applied, {batch['items_failed']} failed"
        accounting.faults.append(f"{name} is {batch['status']}: {posted[1]} records posted, {counts}")


def _wait_until_finished(client: Client, since: str, task: TaskID, progress: Progress) -> None:
    """Return when all batches are final. Raise ApiError after half an hour."""
    deadline, never = monotonic() + _FINISH_TIMEOUT_SECONDS, threading.Event()
    total = int(progress.tasks[task].total or 0)
    while left := sum(1 for _ in chain.from_iterable(_list_unfinished(client, since))):
        if monotonic() > deadline:
            raise ApiError(
                f"{left} or more batches are not final after {_FINISH_TIMEOUT_SECONDS:.0f} s. See `batch list`."
            )
        progress.update(task, completed=max(0, total - left))
        never.wait(_BATCHES_POLL_INTERVAL_SECONDS)
    progress.update(task, completed=total)


def _list_unfinished(client: Client, since: str) -> Iterator[list[Row]]:
    """Yield a page of batches for each status that is not final."""
    for status in _UNFINISHED:
        yield client.get("/v1/batches", status=status, since=since, limit=_MAX_POLLED_BATCHES)["items"]
