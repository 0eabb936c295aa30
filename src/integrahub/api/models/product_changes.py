"""Answers of the routes of changes of products."""

from typing import Any
from uuid import UUID

from integrahub.api.models.base import Answer, Timestamp
from integrahub.api.models.products import ProductAnswer
from integrahub.domain.changes import ChangeKind


class FeedItem(Answer):
    """The last change of a product within a page, and the product as it is now; null for a `reset`."""

    product_id: int | None
    seq: int
    kind: ChangeKind
    at: Timestamp
    batch_id: UUID
    product: ProductAnswer | None


class ChangePage(Answer):
    """A page of the change feed. With `reset` true, drop what you have: the whole catalogue follows `next_cursor`."""

    items: list[FeedItem]
    next_cursor: str
    has_more: bool
    reset: bool


class HistoryItem(Answer):
    """A change of a product: `fields` are the values before and after; null if the hub did not record them.

    `position` is that of the record in the body of the batch, `key_id` the public id of the key that posted it.
    """

    kind: ChangeKind
    at: Timestamp
    seq: int
    batch_id: UUID
    position: int | None
    key_id: str | None
    stock_only: bool
    fields: dict[str, tuple[Any, Any]] | None


class HistoryPage(Answer):
    """A page of the changes of a product, newest first.

    Changes before `complete_since` are no longer kept; changes of stock alone, before `stock_complete_since`.
    """

    items: list[HistoryItem]
    next_cursor: str | None
    complete_since: Timestamp | None
    stock_complete_since: Timestamp | None
