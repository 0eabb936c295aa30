"""Typed rows of figures over time, refusals and unknown fields."""

from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec


class FigureRange(StrEnum):
    """Span of time of a chart."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    YEAR = "13m"


class FigurePoint(msgspec.Struct, frozen=True):
    """Figures of the hub in the bucket of a chart that begins at `at`, of which `seconds` are counted.

    A bucket that was not counted has no point. `backlog`, `workers` and `apis` are the highest counts in the bucket.
    `peak` is the highest rate of a minute or hour in it, in products per second.
    """

    at: datetime
    seconds: float
    posts: int
    inserted: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    superseded: int
    deactivated: int
    completed: int
    partial_fail: int
    failed: int
    cancelled: int
    backlog: int | None
    workers: int | None
    apis: int | None
    peak: float

    @property
    def products(self) -> int:
        """Return the number of records that got a result."""
        return self.inserted + self.updated + self.unchanged + self.merged + self.rejected + self.superseded

    @property
    def products_per_second(self) -> float:
        """Return the mean rate of records that got a result."""
        return self.products / self.seconds if self.seconds else 0.0

    @property
    def posts_per_second(self) -> float:
        """Return the mean rate of accepted posts."""
        return self.posts / self.seconds if self.seconds else 0.0


class PharmacyDay(msgspec.Struct, frozen=True):
    """Catalogue size and loads of a pharmacy on one day in its time zone. `active` is None if it was not counted."""

    day: date
    active: int | None
    batches: int
    failed: int
    records: int
    rejected: int


class Rhythm(msgspec.Struct, frozen=True):
    """How often a pharmacy posts, over its last 50 loads. The gaps are None with one load."""

    posts: int
    last_at: datetime
    usual_gap: timedelta | None
    longest_gap: timedelta | None


class CauseHour(msgspec.Struct, frozen=True):
    """Highest number of open dead letters of a cause in an hour; hours without any have no row."""

    hour: datetime
    open: int


class Refusal(msgspec.Struct, frozen=True):
    """Refused posts of one key, code and address, over the hours that were read.

    `cnpj` is empty if the post named none, `key_name` if its key is not one of the hub, `address` if it is blanked.
    """

    cnpj: str
    key_name: str
    code: str
    address: str
    count: int
    first_at: datetime
    last_at: datetime


class UnknownField(msgspec.Struct, frozen=True):
    """A field that the dialect does not know, with the records that were read with it."""

    field: str
    records: int
    first_seen_at: datetime
    last_seen_at: datetime
