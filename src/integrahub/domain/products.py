"""What the hub keeps of a product, and what may be wrong with a record."""

from dataclasses import dataclass
from typing import Literal

import msgspec

TEXTS = ("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size", "measure")

# As in the table `products` and in its COPY statements.
COLUMNS = (
    *("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size"),
    *("price", "wholesale_price", "price_promos", "stock", "wholesale_min", "measure", "indice"),
    *("source_created_at", "source_updated_at", "stock_updated_at", "extra"),
)


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


@dataclass(frozen=True, slots=True)
class RecordIssue:
    """What a client should know of one record.

    `position` counts records from 0, `offset` bytes of the decoded body; `value` is what was found, cut to 200
    characters. A `rejected` record was not applied; a `warning` names a field that was left out or may mean
    something else.
    """

    position: int
    offset: int
    severity: Literal["rejected", "warning"]
    product_id: str
    field: str
    code: str
    value: str
