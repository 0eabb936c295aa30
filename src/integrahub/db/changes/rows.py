"""Typed rows of `product_changes`."""

from datetime import datetime
from uuid import UUID

import msgspec

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


class BatchHead(msgspec.Struct, frozen=True):
    """A batch whose changes are read. `counted` is the number of changes that its counters promise."""

    batch_id: UUID
    cnpj: str
    pharmacy_id: int
    received_seq: int
    kind: BatchKind
    received_at: datetime
    finished_at: datetime | None
    inserted: int
    counted: int


class ChangeCounts(msgspec.Struct, frozen=True):
    """Changes of a batch by kind, and moves of the prices of existing products.

    `is_reset`: the batch filled an empty catalogue. `is_history_off`: the hub did not record values.
    """

    inserted: int
    updated: int
    reactivated: int
    deactivated: int
    is_reset: bool
    is_history_off: bool
    up: int
    down: int
    to_zero: int
    over_5_times: int

    @property
    def total(self) -> int:
        """Return the number of changed products."""
        return self.inserted + self.updated + self.reactivated + self.deactivated


class FieldCount(msgspec.Struct, frozen=True):
    """Number of products of which a field changed."""

    name: str
    count: int


class BatchChange(msgspec.Struct, frozen=True):
    """A change of one product. `fields` is None if its values were not recorded."""

    product_id: int
    kind: ChangeKind
    fields: FieldChanges | None
