"""Record of changes: kinds of changes, the columns that are compared, and the shape of a difference."""

from enum import StrEnum
from typing import Any, TypeAlias

from integrahub.domain.products import COLUMNS

FieldChanges: TypeAlias = dict[str, tuple[Any, Any]]  # by column: the value before and the value after, as JSON values

ALL_PRODUCTS = 0  # the product id of a `reset`; no product has it
STOCK = "stock"

# Times change with other columns, or alone; like INDICE they are no change that a client wants to see.
_NOT_COMPARED = frozenset({"indice", "source_created_at", "source_updated_at", "stock_updated_at"})
COMPARED_COLUMNS = tuple(name for name in COLUMNS if name not in _NOT_COMPARED)


class ChangeKind(StrEnum):
    """What happened to a product."""

    INSERTED = "inserted"  #: The product is new.
    UPDATED = "updated"  #: Some of its columns changed.
    DEACTIVATED = "deactivated"  #: It became inactive.
    REACTIVATED = "reactivated"  #: It became active again; other columns may have changed, too.
    RESET = "reset"  #: The first load filled an empty catalogue; changes of single products are not recorded.


def is_stock_only(kind: ChangeKind, fields: FieldChanges) -> bool:
    """Return whether nothing but the stock (and times) of an active product changed."""
    return kind is ChangeKind.UPDATED and not fields.keys() - {STOCK}
