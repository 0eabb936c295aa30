"""Typed rows of the search for the batches that brought or refused a product."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.chunks.rows import ChunkPlace
from integrahub.db.products.rows import ProductRow
from integrahub.domain.batches import BatchKind, BatchStatus, ChunkStatus, DeactivationState, LoadType
from integrahub.domain.changes import ChangeKind, FieldChanges


class ProductDetail(ProductRow, frozen=True, kw_only=True):
    """A product, when it was inserted and deactivated, and the batch of its last change."""

    batch_id: UUID
    created_at: datetime
    deactivated_at: datetime | None


class SearchWindow(msgspec.Struct, frozen=True):
    """The batches that a search reads: those with the numbers `first_seq` to `last_seq`, newest first.

    Of `unsplit` batches the ids are not known yet, of `broken` ones they never were: their body cannot be read.
    Retention deleted the ids of `removed` batches, and the reports of `unreported` ones. `has_older`: there are more.
    """

    batches: int
    records: int
    unsplit: int
    broken: int
    removed: int
    unreported: int
    first_seq: int | None
    last_seq: int | None
    since: datetime | None
    has_older: bool


class BatchOfProduct(msgspec.Struct, frozen=True):
    """What a page shows of a batch that a product's records came in, or that changed the product."""

    batch_id: UUID
    received_seq: int
    parent_id: UUID | None
    kind: BatchKind
    load_type: LoadType
    status: BatchStatus
    received_at: datetime
    key_hint: str | None


class Sighting(BatchOfProduct, frozen=True):
    """A chunk with records of a product. `position` is that of the last one; None if it is not kept.

    `batches` counts the batches of the whole window that have any.
    """

    chunk: int
    chunk_status: ChunkStatus
    records: int
    position: int | None
    batches: int


class Refusal(BatchOfProduct, frozen=True):
    """A rejected record, and how many batches of the window rejected any."""

    chunk: int
    position: int
    byte_offset: int
    product_id: str
    field: str
    code: str
    value: str
    key: str
    batches: int


class ProductIssue(msgspec.Struct, frozen=True):
    """A rejection or a warning of a record of the product."""

    batch_id: UUID
    chunk: int
    position: int
    severity: str
    field: str
    code: str
    value: str
    key: str


class ChangeOfBatch(msgspec.Struct, frozen=True):
    """What the batch with the number `seq` changed of the product."""

    seq: int
    kind: ChangeKind


class ValueChange(msgspec.Struct, frozen=True):
    """A change of the product. `applied_at` is the time at which the chunk with its records was applied."""

    seq: int
    kind: ChangeKind
    at: datetime
    applied_at: datetime
    batch_id: UUID
    fields: FieldChanges | None


class ChangeSource(BatchOfProduct, frozen=True):
    """The batch of a change, and its record; `chunk` is None if no record made the change, or it is not kept.

    `deactivation_state` is that of the FULL that an operation belongs to, else of the batch.
    """

    deactivation_state: DeactivationState
    chunk: int | None
    position: int | None


class RecordPlace(ChunkPlace, frozen=True):
    """A chunk with records of a product, where these records are in the body, and where the body is.

    `positions` are those of the records in the body, in their order.
    """

    batch_id: UUID
    number: int
    body_location: str | None
    positions: list[int]
