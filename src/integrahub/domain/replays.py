"""Replays of old records: fields that later batches wrote stay, all others are applied as of the original batch."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from integrahub.domain.products import BLANKS, COLUMNS, NormalisedRow

KINDS = frozenset(["replay", "chunk_replay"])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
MAX_LETTERS = 10_000  # dead letters of one operation


class BulkState(StrEnum):
    """State of a replay of many dead letters."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(slots=True)
class LaterFields:
    """Columns of a product, and keys of its `extra`, that later DELTAs wrote."""

    columns: set[str] = field(default_factory=set)
    extra: set[str] = field(default_factory=set)

    def add(self, row: NormalisedRow) -> None:
        """Add the fields of a later DELTA's row."""
        self.columns |= {name for name, value in zip(COLUMNS[:-1], row.columns[:-1], strict=True) if value is not None}
        self.extra |= set(_decode_extra(row.extra))

    def covers(self, row: NormalisedRow) -> bool:
        """Return whether later DELTAs wrote every field of this row."""
        other = LaterFields()
        other.add(row)
        return other.columns <= self.columns and other.extra <= self.extra


@dataclass(slots=True)
class LaterWrites:
    """What batches after the replayed one wrote to its products.

    `superseded` holds products that a later FULL applied, `carried` the fields that later DELTAs wrote, by product.
    `inactive_since` holds products that a later FULL deactivated and no DELTA reactivated, with the time.
    """

    superseded: set[int] = field(default_factory=set)
    carried: dict[int, LaterFields] = field(default_factory=dict)
    inactive_since: dict[int, datetime] = field(default_factory=dict)


def merge_fields(
    row: NormalisedRow, load_type: str, current: dict[str, str | None] | None, carried: LaterFields
) -> list[str | None]:
    """Return the columns of a product as COPY text: from the replayed row, except fields that later DELTAs wrote.

    `current` holds the columns in the table; None for a product that is not there.
    """
    values = [
        _merge_value(name, value, load_type, current, carried)
        for name, value in zip(COLUMNS[:-1], row.columns[:-1], strict=True)
    ]
    stored = _decode_extra((current or {}).get("extra"))
    base = stored if load_type == "delta" else {}
    later = {key: value for key, value in stored.items() if key in carried.extra}
    extra = base | _decode_extra(row.extra) | later
    return [*values, msgspec.json.encode(extra).decode() if extra else None]


def _merge_value(
    name: str, value: str | None, load_type: str, current: dict[str, str | None] | None, carried: LaterFields
) -> str | None:
    is_kept = name in carried.columns or (value is None and load_type == "delta")
    if is_kept and current is not None:
        return current[name]
    return BLANKS.get(name) if value is None else value


def _decode_extra(extra: str | None) -> dict[str, msgspec.Raw]:
    return _OBJECT.decode(extra) if extra else {}
