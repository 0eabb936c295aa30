"""Port of a dialect in the reference model. Imports nothing of the hub."""

from decimal import Decimal
from typing import Any, Protocol


class Rejected(Exception):
    """Field and code with which a record is rejected."""


class RecordDialect(Protocol):
    """How an ERP's records are read; a second implementation, independent of the hub's."""

    title_key: str
    price_key: str

    def identity(self, record: Any) -> int:
        """Return the product id, 0 if it cannot be read."""
        ...

    def read(self, record: Any, cnpj: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Return a record's values and its warnings (field, code); raise Rejected."""
        ...

    def promotions(self, kind: str, group: list[dict[str, Any]]) -> list[Decimal] | None:
        """Return the promotions of a product from the values of its records; None if none says anything of them."""
        ...
