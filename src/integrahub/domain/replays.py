"""Replays: what later batches said stays said; the rest of an old record is applied in the place it had."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from integrahub.domain.products import COLUMNS, TEXTS

KINDS = frozenset(["replay", "chunk_replay"])
_EXTRA = 1 + COLUMNS.index("extra")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BLANK = dict.fromkeys(TEXTS, "") | {"price_promos": "{}"}
Row = tuple[Any, ...]  # product id, columns as COPY text or None, then what the dialect adds


@dataclass(slots=True)
class LaterFields:
    """The columns and the keys of `extra` that later DELTAs gave a product."""

    columns: set[str] = field(default_factory=set)
    extra: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """One later DELTA's row of the product."""
        self.columns |= {name for name, value in zip(COLUMNS[:-1], row[1:_EXTRA], strict=True) if value is not None}
        self.extra |= set(_keys(row[_EXTRA]))

    def covers(self, row: Row) -> bool:
        """Whether nothing of a DELTA's row is left to apply."""
        other = LaterFields()
        other.add(row)
        return other.columns <= self.columns and other.extra <= self.extra


@dataclass(slots=True)
class LaterWrites:
    """What batches after the replayed one said of its products.

    `superseded`: applied by a later FULL. `carried`: by product, what later DELTAs applied. `inactive_since`: products
    a later FULL no longer had and no DELTA brought back, and when they went.
    """

    superseded: set[int] = field(default_factory=set)
    carried: dict[int, LaterFields] = field(default_factory=dict)
    inactive_since: dict[int, datetime] = field(default_factory=dict)


def merge_fields(
    row: Row, load_type: str, current: dict[str, str | None] | None, carried: LaterFields
) -> list[str | None]:
    """The product's columns as COPY text: the record's, but for what is carried by later DELTAs.

    `current` are the columns as they stand, None for a product not known.
    """
    now = current or {}
    values = [
        _value(name, value, load_type, current, carried)
        for name, value in zip(COLUMNS[:-1], row[1:_EXTRA], strict=True)
    ]
    kept = _keys(now.get("extra"))
    fresh = _keys(row[_EXTRA])
    base = kept if load_type == "delta" else {}
    extra = base | fresh | {key: value for key, value in kept.items() if key in carried.extra}
    return [*values, msgspec.json.encode(extra).decode() if extra else None]


def _value(
    name: str, value: str | None, load_type: str, current: dict[str, str | None] | None, carried: LaterFields
) -> str | None:
    stays = name in carried.columns or (value is None and load_type == "delta")
    if stays and current is not None:
        return current[name]
    return _BLANK.get(name) if value is None else value


def _keys(extra: str | None) -> dict[str, msgspec.Raw]:
    return _OBJECT.decode(extra) if extra else {}
