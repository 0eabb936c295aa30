"""What the hub keeps of a product, and what may be wrong with a record."""

from dataclasses import dataclass
from typing import Literal

TEXTS = ("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size", "measure")

# As in the table `products` and in its COPY statements.
COLUMNS = (
    *("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size"),
    *("price", "wholesale_price", "price_promos", "stock", "wholesale_min", "measure", "indice"),
    *("source_created_at", "source_updated_at", "stock_updated_at", "extra"),
)

# What a chunk's records came to; the first six add up to the records it answers for.
COUNTERS = ("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "reactivated", "warnings")
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
