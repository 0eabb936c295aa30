"""Typed rows of `products`: search, merge and verification."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from integrahub.domain.batches import LoadType


class ProbeResult(msgspec.Struct, frozen=True):
    """Slots of a chunk whose records must be decoded (`differing`), and which of their products exist.

    A slot is the position of a record within its chunk.
    """

    differing: list[int]
    existing: list[int]


class MergeCount(msgspec.Struct, frozen=True):
    """Numbers of products that one chunk of a merge updated, and of those that became active again.

    `chunk_index` is the index of the chunk within the merge.
    """

    chunk_index: int
    updated: int
    reactivated: int


class InsertedProducts(msgspec.Struct, frozen=True):
    """Products that one chunk of a merge staged and then inserted, because they did not exist."""

    chunk_index: int
    ids: list[int]


class CurrentProduct(msgspec.Struct, frozen=True):
    """A product in the table. Its columns are COPY text, named and ordered as `domain.products.COLUMNS`."""

    product_id: int
    is_active: bool
    title: str
    description: str
    brand: str
    ncm: str
    category: str
    image_link: str
    color: str
    ean: str
    shop_id: str
    size: str
    price: str | None
    wholesale_price: str | None
    price_promos: str
    stock: str | None
    wholesale_min: str | None
    measure: str
    indice: str | None
    source_created_at: str | None
    source_updated_at: str | None
    stock_updated_at: str | None
    extra: str | None


class ProductFilters(msgspec.Struct, frozen=True):
    """Filters of a product search; None matches all. `q` is a LIKE pattern for title and description."""

    q: str | None = None
    ean: str | None = None
    category: str | None = None
    brand: str | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    stock_min: Decimal | None = None
    in_stock: bool | None = None
    promo: bool | None = None
    updated_since: datetime | None = None
    include_inactive: bool = False


class ProductRow(msgspec.Struct, frozen=True):
    """A product. `seen_at` is a lower bound of the time at which a batch last contained it."""

    product_id: int
    title: str
    description: str
    brand: str
    ncm: str
    category: str
    image_link: str
    color: str
    ean: str
    shop_id: str
    size: str
    price: Decimal | None
    wholesale_price: Decimal | None
    price_promos: list[Decimal]
    stock: Decimal | None
    wholesale_min: Decimal | None
    measure: str
    indice: Decimal | None
    source_created_at: datetime | None
    source_updated_at: datetime | None
    stock_updated_at: datetime | None
    extra: dict[str, Any] | None
    is_active: bool
    updated_at: datetime
    seen_at: datetime | None


class MatchingProduct(ProductRow, frozen=True, kw_only=True):
    """A product of a page, and the number of all products that match."""

    matching: int


class CatalogueVersion(msgspec.Struct, frozen=True):
    """State of a pharmacy's catalogue: its last batch, the batch that has the turn, and how far that is applied."""

    last_seq: int
    last_batch_id: UUID | None
    turn: int | None
    chunks_left: int | None
    full_seen_at: datetime | None


class RowsWritten(msgspec.Struct, frozen=True):
    """Rows that PostgreSQL inserted into, updated and deleted from `products`."""

    n_tup_ins: int
    n_tup_upd: int
    n_tup_del: int


class AppliedLoad(msgspec.Struct, frozen=True):
    """A load or replay whose records were applied. `origin` is its number in the order in which batches count.

    `has_first` is True if all earlier batches of the pharmacy are still in the table.
    """

    id: UUID
    cnpj: str
    origin: int
    load_type: LoadType
    media_type: str
    encoding: str
    items_total: int | None
    is_inline: bool
    location: str | None
    time_zone: str
    has_first: bool


class ComparedCounts(msgspec.Struct, frozen=True):
    """Products that were compared, and products of which too few bodies are stored to compare them."""

    judged: int
    unjudged: int


class Difference(msgspec.Struct, frozen=True):
    """A product whose row differs from its bodies: `missing`, `unexpected` or `different` in some columns."""

    product_id: int
    finding: str
    columns: list[str]


class CountedDifference(Difference, frozen=True):
    """A difference, with the number of all products that differ."""

    found: int


class ChunkIds(msgspec.Struct, frozen=True):
    """Product ids of an applied chunk, by slot."""

    ids: list[int]
