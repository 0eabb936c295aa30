"""Typed rows of `products` as chunks are merged and catalogues are verified."""

import msgspec


class ProbeResult(msgspec.Struct, frozen=True):
    """Slots of a chunk whose records must be decoded (`differing`), and which of their products exist or are inactive.

    A slot is the position of a record within its chunk.
    """

    differing: list[int]
    existing: list[int]
    inactive: list[int]


class MergeCount(msgspec.Struct, frozen=True):
    """Number of products that one chunk of a merge updated. `place` is the chunk's index within the merge."""

    place: int
    updated: int


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
