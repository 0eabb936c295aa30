"""Columns of a product, counters of a chunk, and issues of records."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

MAX_PRODUCT_ID = (1 << 63) - 1

TEXTS = ("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size", "measure")

# In the order of the COPY statements of the table `products`.
COLUMNS = (
    *("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size"),
    *("price", "wholesale_price", "price_promos", "stock", "wholesale_min", "measure", "indice"),
    *("source_created_at", "source_updated_at", "stock_updated_at", "extra"),
)

# What an inserted product has in the columns that its records do not carry, as COPY text; in the others NULL.
BLANKS = {**dict.fromkeys(TEXTS, ""), "price_promos": "{}"}


class ChunkCounters(msgspec.Struct, frozen=True):
    """Results of a chunk's records. The first six add up to the records that the chunk applies."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    merged: int = 0
    rejected: int = 0
    superseded: int = 0
    reactivated: int = 0
    warnings: int = 0

    @property
    def settled(self) -> int:
        """Return the number of records that have a result."""
        return self.inserted + self.updated + self.unchanged + self.merged + self.rejected + self.superseded


COUNTERS = ChunkCounters.__struct_fields__
SETTLED = COUNTERS[:6]


class NormalisedRow(NamedTuple):
    """A product made of its records: `COLUMNS` as COPY text before escaping, and where its last record stands.

    In a DELTA, None leaves the column as it is. `repeats` counts the records.
    """

    product_id: int
    title: str | None
    description: str | None
    brand: str | None
    ncm: str | None
    category: str | None
    image_link: str | None
    color: str | None
    ean: str | None
    shop_id: str | None
    size: str | None
    price: str | None
    wholesale_price: str | None
    price_promos: str | None
    stock: str | None
    wholesale_min: str | None
    measure: str | None
    indice: str | None
    source_created_at: str | None
    source_updated_at: str | None
    stock_updated_at: str | None
    extra: str | None
    position: int
    offset: int
    repeats: int

    @property
    def columns(self) -> tuple[str | None, ...]:
        """Return the values of `COLUMNS`."""
        return self[1:-3]


@dataclass(frozen=True, slots=True)
class RecordIssue:
    """A rejection or a warning, as the client's report shows it.

    `position` counts records from 0, `offset` bytes of the decoded body. `field` is a key of the record. `value` is
    the value in the record, truncated to 200 characters. A record with a warning is applied, without the field or
    with a value that may be misread. `key` is `field` as the client spelled it, empty if the record does not have it.
    """

    position: int
    offset: int
    severity: Literal["rejected", "warning"]
    product_id: str
    field: str
    code: str
    value: str
    ean: str = ""
    key: str = ""
