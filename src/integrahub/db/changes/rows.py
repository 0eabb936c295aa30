"""Typed rows of `product_changes`."""

from datetime import datetime
from uuid import UUID

import msgspec

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
