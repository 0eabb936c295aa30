"""Ledger of a soak test: what the clients posted, what the hub acknowledged, and the account of both."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from integrahub.tools.soak.rows import AccountCounts, ListedBatch, UnexpectedAnswer

_MAX_NAMED_FAULTS = 10
_MAX_UNEXPECTED = 100
# Statuses of a hub that works or sheds load, and connections that broke because a process was killed or the client cut.
_EXPECTED = {"200", "202", "503", "Cut", "ConnectError", "ReadError", "RemoteProtocolError", "WriteError"}


@dataclass(slots=True)
class Ledger:
    """`batches`: records of each acknowledged batch; `products`: those that a pharmacy must have in the end."""

    batches: dict[str, int] = field(default_factory=dict)
    pharmacies: dict[str, str] = field(default_factory=dict)  # CNPJ of each batch
    products: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  # of every attempt: status, or the kind of error
    refusals: list[str] = field(default_factory=list)  # answers that no retry can change
    repeated: list[str] = field(default_factory=list)
    unexpected: list[UnexpectedAnswer] = field(default_factory=list)  # the first ones

    def count(self, request: str, answer: str, at: float, waited: float) -> None:
        """Count an answer or the kind of an error to a request, such as `read /health`, at a second of the run."""
        self.answers[f"{request.partition(' ')[0]} {answer}"] += 1
        if answer not in _EXPECTED and len(self.unexpected) < _MAX_UNEXPECTED:
            self.unexpected.append(UnexpectedAnswer(round(at, 1), request, answer, round(waited, 1)))

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
