"""Typed rows of `product_changes`."""

from collections import Counter
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.products.rows import ProductRow
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import ChangeKind, FieldChanges


class ProductChange(msgspec.Struct, frozen=True):
    """A row of the record of changes. `fields` is None if the hub did not record values (setting HISTORY)."""

    pharmacy_id: int
    seq: int
    product_id: int
    batch_id: UUID
    at: datetime
    kind: ChangeKind
    stock_only: bool
    fields: FieldChanges | None


class ChangeCounts(msgspec.Struct, frozen=True):
    """Changes of a batch by kind and field, and moves of the prices of existing products.

    `resets`: 1 if the batch filled an empty catalogue. `without_values`: updates whose values the hub did not record.
    """

    inserted: int = 0
    updated: int = 0
    reactivated: int = 0
    deactivated: int = 0
    resets: int = 0
    stock_only: int = 0
    without_values: int = 0
    up: int = 0
    down: int = 0
    to_zero: int = 0
    over_5_times: int = 0
    fields: dict[str, int] = {}

    @property
    def total(self) -> int:
        """Return the number of changed products."""
        return self.inserted + self.updated + self.reactivated + self.deactivated

    def plus(self, other: "ChangeCounts") -> "ChangeCounts":
        """Return the counts of both."""
        names = [name for name in ChangeCounts.__struct_fields__ if name != "fields"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return ChangeCounts(**sums, fields=dict(Counter(self.fields) + Counter(other.fields)))


class CountedPart(ChangeCounts, frozen=True):
    """The counts of the next changes in the order of products: how many were `read`, and the last product."""

    read: int = 0
    last_id: int | None = None


class BatchHead(msgspec.Struct, frozen=True):
    """A batch whose changes are read. `counted` is the number of changes that its counters promise.

    `change_counts` are those of an earlier read. `is_recent`: no changes of a dry run of this age are deleted.
    """

    batch_id: UUID
    cnpj: str
    pharmacy_id: int
    received_seq: int
    kind: BatchKind
    received_at: datetime
    finished_at: datetime | None
    inserted: int
    counted: int
    change_counts: ChangeCounts | None
    is_recent: bool


class BatchChange(msgspec.Struct, frozen=True):
    """A change of one product. `fields` is None if its values were not recorded."""

    product_id: int
    kind: ChangeKind
    fields: FieldChanges | None


class KeptSince(msgspec.Struct, frozen=True):
    """Since when the record is complete: changes of stock alone, and all others."""

    others: datetime | None
    stock: datetime | None


class HistoryRow(msgspec.Struct, frozen=True):
    """A change of one product. `position` is that of its record in the body; None if no record made it, or unknown."""

    seq: int
    kind: ChangeKind
    at: datetime
    batch_id: UUID
    stock_only: bool
    fields: FieldChanges | None
    api_key_id: UUID | None
    position: int | None


class KeyId(msgspec.Struct, frozen=True):
    """An API key and its public id."""

    id: UUID
    public_id: str


class FeedPosition(msgspec.Struct, frozen=True):
    """Position in the feed: the last product of the catalogue, or the last change, that a client received.

    In the catalogue, `seq` is the last turn that had ended when the catalogue began. `mark` names the batch of that
    turn; it is empty if there was none.
    """

    in_catalogue: bool
    seq: int
    product_id: int
    mark: str


class EndedTurn(msgspec.Struct, frozen=True):
    """The last ended turn and its batch, and the batch that now has the number of a cursor."""

    ended: int = 0
    batch_id: UUID | None = None
    cursor_batch_id: UUID | None = None


class CatalogueRow(ProductRow, frozen=True, kw_only=True):
    """A product, and the batch of its last change."""

    batch_id: UUID


class ChangeRef(msgspec.Struct, frozen=True):
    """A change of which the feed shows the product's present state."""

    seq: int
    product_id: int
    kind: ChangeKind
    at: datetime
    batch_id: UUID


class TurnAge(msgspec.Struct, frozen=True):
    """The earliest moment of some turns. `in_feed`: the feed reaches back that far. `is_old`: retention may too."""

    first_moment: datetime
    in_feed: bool
    is_old: bool


class FeedChange(msgspec.Struct, frozen=True):
    """An item of the feed. `product` is the present state; None for a `reset`."""

    change: ChangeRef
    product: ProductRow | None


class FeedPage(msgspec.Struct, frozen=True):
    """A page of the feed. With `is_reset` the client must drop what it has: the whole catalogue follows `next`."""

    items: list[FeedChange]
    next: FeedPosition
    has_more: bool
    is_reset: bool = False
