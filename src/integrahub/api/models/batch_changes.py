"""Answers of the routes of changes of a batch."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from integrahub.api.models.base import Answer
from integrahub.domain.batches import DeactivationState
from integrahub.domain.changes import ChangeKind

_BATCH_ID = "01a21e79-ab30-75fc-a8c9-3fcaf34a4a3d"
_CHANGES: dict[str, Any] = {
    "batch_id": _BATCH_ID,
    "dry_run": True,
    "summary": {
        "kinds": {"inserted": 2, "updated": 310, "reactivated": 1, "deactivated": 4},
        "fields": {"price": 290, "stock": 25},
        "prices": {"up": 280, "down": 10, "to_zero": 1, "over_5_times": 3},
        "reset": False,
        "missing": 0,
    },
    "items": [{"product_id": 4811, "kind": "updated", "fields": {"price": [12.9, 129.0]}}],
    "next_cursor": "WzQ4MTFd",
}
_ABSENT: dict[str, Any] = {
    "batch_id": _BATCH_ID,
    "state": "held",
    "items": [{"product_id": 77, "title": "DIPIRONA 500MG", "ean": "7896004703398", "price": 8.5, "stock": 12.0}],
    "next_cursor": None,
}


class ChangedProducts(Answer):
    """Numbers of products by what happened to them."""

    inserted: int
    updated: int
    reactivated: int
    deactivated: int


class PriceMoves(Answer):
    """Numbers of existing products whose price moved. `over_5_times`: by more than a factor of 5, up or down."""

    up: int
    down: int
    to_zero: int
    over_5_times: int


class ChangeSummaryAnswer(Answer):
    """Counts of a batch's changes. `fields` counts existing products by the field that changed.

    `reset`: the batch filled an empty catalogue, so no product is listed. `missing` changes are no longer kept.
    """

    kinds: ChangedProducts
    fields: dict[str, int]
    prices: PriceMoves
    reset: bool
    missing: int


class ChangeAnswer(Answer):
    """What happened to one product. `fields` has the value before and the value after of each changed field."""

    product_id: int
    kind: ChangeKind
    fields: dict[str, list[Any]] | None


class ChangesPage(Answer):
    """Changes in the order of product ids. `summary` is null on later pages, `next_cursor` on the last one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHANGES]})

    batch_id: UUID
    dry_run: bool
    summary: ChangeSummaryAnswer | None
    items: list[ChangeAnswer]
    next_cursor: str | None


class AbsentProductAnswer(Answer):
    """A product that a FULL does not contain, as the catalogue has it now."""

    product_id: int
    title: str
    ean: str
    price: float | None
    stock: float | None


class AbsentProductsPage(Answer):
    """Products in the order of their ids that a deactivation switched off, or that its approval would.

    `state` says which: empty unless it is `held`, `applied` or `approved`. `next_cursor` is null on the last page.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_ABSENT]})

    batch_id: UUID
    state: DeactivationState
    items: list[AbsentProductAnswer]
    next_cursor: str | None
