"""Answers of the routes of changes of products."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from integrahub.api.models.base import Answer, Timestamp
from integrahub.api.models.products import PRODUCT_EXAMPLE, ProductAnswer
from integrahub.domain.changes import ChangeKind

_BATCH: dict[str, Any] = {
    "seq": 42,
    "batch_id": "01a21ea5-6913-7b27-8b4d-658b9a0ba1ea",
    "at": "2026-03-01T10:00:00.000Z",
}
_FEED_PAGE: dict[str, Any] = {
    "items": [{"product_id": 205524, **_BATCH, "kind": "updated", "product": PRODUCT_EXAMPLE}],
    "next_cursor": "WyJjaGFuZ2VzIiwxLDQyLDIwNTUyNF0",
    "has_more": False,
    "reset": False,
}
_HISTORY_ITEM: dict[str, Any] = {
    "kind": "updated",
    **_BATCH,
    "position": 4811,
    "key_id": "DZ8K17KXW39P",
    "stock_only": False,
    "fields": {"price": [14.76, 13.42]},
}
_HISTORY_PAGE: dict[str, Any] = {
    "items": [_HISTORY_ITEM],
    "next_cursor": None,
    "complete_since": "2025-12-01T00:00:00.000Z",
    "stock_complete_since": "2026-02-22T00:00:00.000Z",
}


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

    model_config = ConfigDict(json_schema_extra={"examples": [_FEED_PAGE]})

    items: list[FeedItem]
    next_cursor: str
    has_more: bool
    reset: bool


class HistoryItem(Answer):
    """A change of a product: `fields` are the values before and after; null if none changed or was recorded.

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

    model_config = ConfigDict(json_schema_extra={"examples": [_HISTORY_PAGE]})

    items: list[HistoryItem]
    next_cursor: str | None
    complete_since: Timestamp | None
    stock_complete_since: Timestamp | None
