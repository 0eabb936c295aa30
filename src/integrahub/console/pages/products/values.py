"""Values of a product as its page shows them: labels, kinds and origins of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from integrahub.console.translations import N_
from integrahub.db.products.rows import ProductRow
from integrahub.domain.changes import FieldChanges
from integrahub.reports.provenance import Origin, ProductStory

# Columns with their label, in the order of the page; those of the second list are shown if they are not empty.
_MAIN = (
    ("price", N_("Price"), "money"),
    ("stock", N_("Stock"), "quantity"),
    ("title", N_("Title"), "text"),
    ("ean", N_("EAN"), "text"),
    ("brand", N_("Brand"), "text"),
    ("category", N_("Category"), "text"),
)
_OTHERS = (
    ("price_promos", N_("Promotional prices"), "money"),
    ("wholesale_price", N_("Wholesale price"), "money"),
    ("wholesale_min", N_("Wholesale from"), "quantity"),
    ("description", N_("Description"), "text"),
    ("ncm", N_("NCM"), "text"),
    ("measure", N_("Unit"), "text"),
    ("size", N_("Size"), "text"),
    ("color", N_("Color"), "text"),
    ("shop_id", N_("Shop id in the ERP"), "text"),
    ("image_link", N_("Image"), "text"),
    ("extra", N_("Other fields of the ERP"), "json"),
)
KINDS = {name: (label, kind) for name, label, kind in (*_MAIN, *_OTHERS)}
_MIN_MONEY_DIGITS = 2
_MAX_DIGITS = {"money": 4, "quantity": 3}


@dataclass(frozen=True, slots=True)
class Shown:
    """A value: numbers with their digits, or a text. Neither: the value is empty."""

    numbers: Sequence[Decimal] = ()
    digits: int = 0
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A column of the product. `label` is a msgid; `origin` None: the change is no longer recorded."""

    name: str
    label: str
    value: Shown
    before: Shown
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A column that a change changed."""

    label: str
    before: Shown
    after: Shown


def list_values(story: ProductStory) -> list[ValueRow]:
    """Return the rows of the table of values."""
    rows = [_to_row(story, *column) for column in _MAIN]
    return rows + [_to_row(story, *column) for column in _OTHERS if getattr(story.product, column[0])]


def _to_row(story: ProductStory, name: str, label: str, kind: str) -> ValueRow:
    origin = story.origins.get(name)
    before = show(None if origin is None or origin.is_first else origin.before, kind)
    return ValueRow(name, label, show(getattr(story.product, name), kind), before, origin)


@dataclass(frozen=True, slots=True)
class ErpTimes:
    """Times that the ERP sent without a zone, read in that of the pharmacy."""

    created: datetime | None
    changed: datetime | None
    stock: datetime | None


def read_erp_times(product: ProductRow, zone: str) -> ErpTimes:
    """Return the times of the ERP in a record of the product."""
    times = (product.source_created_at, product.source_updated_at, product.stock_updated_at)
    return ErpTimes(*(time and time.replace(tzinfo=ZoneInfo(zone)) for time in times))


def list_changed_fields(fields: FieldChanges | None) -> list[ChangedField]:
    """Return the columns of a change that the page knows, in its order."""
    changed = fields or {}
    return [
        ChangedField(label, show(changed[name][0], kind), show(changed[name][1], kind))
        for name, (label, kind) in KINDS.items()
        if name in changed
    ]


def show(value: Any, kind: str) -> Shown:
    """Return a stored value, or one of the record of changes, as it is shown."""
    if value is None or value in ("", [], {}):
        return Shown()
    if kind in _MAX_DIGITS:
        numbers = [Decimal(str(each)) for each in (value if isinstance(value, list) else [value])]
        return Shown(numbers, max(_digits(number, kind) for number in numbers))
    if kind == "json":
        return Shown(text=msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace"))
    return Shown(text=str(value))


def _digits(number: Decimal, kind: str) -> int:
    """Return how many digits after the point the number needs."""
    exponent = number.normalize().as_tuple().exponent
    needed = max(0, -exponent) if isinstance(exponent, int) else 0
    return min(_MAX_DIGITS[kind], max(needed, _MIN_MONEY_DIGITS if kind == "money" else 0))
