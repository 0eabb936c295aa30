"""Ledger of a soak test: what the clients posted, what the hub acknowledged, and the account of both."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from integrahub.tools.soak.rows import AccountCounts, ListedBatch

_MAX_NAMED_FAULTS = 10


@dataclass(slots=True)
class Ledger:
    """`batches`: records of each acknowledged batch; `products`: those that a pharmacy must have in the end."""

    batches: dict[str, int] = field(default_factory=dict)
    pharmacies: dict[str, str] = field(default_factory=dict)  # CNPJ of each batch
    products: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  # of every attempt: status, or the kind of error
    refusals: list[str] = field(default_factory=list)  # answers that no retry can change
    repeated: list[str] = field(default_factory=list)

    def acknowledge(self, batch_id: str, cnpj: str, records: int) -> None:
        """Record the 202 of a post."""
        if batch_id in self.batches:
            self.repeated.append(batch_id)
        self.batches[batch_id] = records
        self.pharmacies[batch_id] = cnpj


@dataclass(slots=True)
class Account:
    """Result of the comparison: batch ids, products by pharmacy, and records."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    unaccounted: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost, doubled or left unaccounted."""
        return not (self.lost or self.doubled or self.incomplete or self.unaccounted)

    def count(self) -> AccountCounts:
        """Return the counts, with the first names of each."""
        first = [*self.lost, *self.doubled, *self.incomplete][:_MAX_NAMED_FAULTS]
        return AccountCounts(len(self.lost), len(self.doubled), len(self.incomplete), self.unaccounted, first)


def compare(ledger: Ledger, listed: Iterable[ListedBatch], products: dict[str, int]) -> Account:
    """Compare the ledger with the batches that the hub lists and the products that it holds by pharmacy."""
    account, found = Account(doubled=[f"batch {one} answered two posts" for one in ledger.repeated]), set()
    for batch in listed:
        expected = ledger.batches.get(batch.batch_id)
        if expected is None or batch.batch_id in found:
            account.doubled.append(f"batch {batch.batch_id} of {batch.cnpj} is listed and was not acknowledged")
        elif batch.status != "COMPLETED" or not expected == batch.items_total == batch.items_processed:
            account.incomplete.append(f"batch {batch.batch_id} of {batch.cnpj} is {batch.status}")
        found.add(batch.batch_id)
    account.lost += [f"batch {one} of {ledger.pharmacies[one]}" for one in ledger.batches.keys() - found]
    for cnpj, expected in ledger.products.items():
        held = products.get(cnpj, 0)
        if held < expected:
            account.lost.append(f"{expected - held} products of {cnpj}")
        elif held > expected:
            account.doubled.append(f"{held - expected} products of {cnpj}")
    return account
