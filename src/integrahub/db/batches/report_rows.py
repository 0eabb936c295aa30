"""Typed rows of batches as clients and the log see them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType


class IssueReport(msgspec.Struct, frozen=True):
    """A rejection or a warning of one record, as clients see it. `key` is `field` as the client spelled it."""

    position: int
    byte_offset: int
    severity: str
    product_id: str
    field: str
    code: str
    value: str
    key: str
    ean: str


class FinalBatch(msgspec.Struct, frozen=True):
    """What the log says of a final batch. The deactivation of an operation is that of its parent batch."""

    id: UUID
    cnpj: str
    kind: BatchKind
    parent_id: UUID | None
    load_type: LoadType
    status: BatchStatus
    error_code: str | None
    items: int | None
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    dead: int
    cancelled: int
    deactivated: int
    deactivation: DeactivationState
    candidates: int
    active: int | None
    reason: str | None
    seconds: float
    has_deliveries: bool


class DeactivationReport(msgspec.Struct, frozen=True):
    """The deactivation of a batch: its state, the loads that count for it, and the batches that may have applied it."""

    batch_id: UUID
    pharmacy_id: int
    kind: BatchKind
    state: DeactivationState
    deactivated: int
    first: int
    rows_removed_at: datetime | None
    finished_at: datetime | None
    deciders: list[int]


class AbsentProduct(msgspec.Struct, frozen=True):
    """A product that a FULL does not contain, as the catalogue has it now."""

    product_id: int
    title: str
    ean: str
    price: Decimal | None
    stock: Decimal | None
