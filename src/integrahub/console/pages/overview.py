"""Overview: the page that says whether everything is well."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.time_ranges import parse_time
from integrahub.db.console.figures import SPANS
from integrahub.db.console.figures_rows import FigurePoint, FigureRange
from integrahub.domain.people.roles import Role
from integrahub.monitoring.overview import OverviewSnapshot

RANGES = (FigureRange.HOUR, FigureRange.DAY, FigureRange.WEEK)
_HOUR, _HOURS = 3600, 24
_LATE = timedelta(seconds=2)  # age of a snapshot that is named; an update is as old as that anyway


@dataclass(frozen=True, slots=True)
class Bucket:
    """One step of a chart; the rates are None where nothing was counted."""

    at: datetime
    products: float | None
    posts: float | None


@dataclass(frozen=True, slots=True)
class BatchHour:
    """Batches that ended in an hour, by status."""

    at: datetime
    completed: int
    partial_fail: int
    failed: int
    cancelled: int

    @property
    def total(self) -> int:
        """The number of batches."""
        return self.completed + self.partial_fail + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class OverviewView:
    """What the overview shows. `limit` is the hub's share of products that a FULL may deactivate.

    `has_quota`: the use of the storage is that of the stored bodies, not of the whole disk. `is_late`: the snapshot is
    older than usual, because the database or a dependency is slow.
    """

    snapshot: OverviewSnapshot
    range: FigureRange
    ranges: Sequence[FigureRange]
    buckets: Sequence[Bucket]
    hours: Sequence[BatchHour]
    url: str
    limit: float
    has_quota: bool = False
    is_late: bool = False

    @property
    def top(self) -> float:
        """The highest rate of the chart."""
        return max((bucket.products or 0.0 for bucket in self.buckets), default=0.0)


class OverviewPages:
    """The page that answers the first question."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._overview = console.overview

    async def show(self, request: Request) -> Response:
        """Answer with the overview. An unknown `range` is an hour, an unreadable `until` is now."""
        chosen = request.query_params.get("range", "")
        range_ = FigureRange(chosen) if chosen in RANGES else FigureRange.HOUR
        until = parse_time(request.query_params.get("until"), self._console.clock())
        snapshot = await self._console.snapshot(request)
        points = await self._overview.points(range_, until)
        day = await self._overview.points(FigureRange.DAY, until)
        end = until or snapshot.state.now
        settings = self._console.hub.settings
        url = settings.public_url or settings.own_url
        view = OverviewView(
            snapshot,
            range_,
            RANGES,
            list(_fill_gaps(points, range_, end)),
            list(_by_hour(day, end)),
            url,
            settings.deactivation_limit,
            settings.storage_quota is not None,
            is_late=self._console.clock() - snapshot.read_at > _LATE,
        )
        return self._console.renderer.page(request, "overview/overview.html", view, is_shared=True)


def _fill_gaps(points: Sequence[FigurePoint], range_: FigureRange, end: datetime) -> Iterator[Bucket]:
    """Yield every step of the range, also those that were not counted."""
    span = SPANS[range_]
    counted = {int(point.at.timestamp()) // span.step: point for point in points}
    last = int(end.timestamp()) // span.step
    for number in range(last - span.length // span.step + 1, last + 1):
        point = counted.get(number)
        at = datetime.fromtimestamp(number * span.step, UTC)
        yield Bucket(at, point.products_per_second, point.posts_per_second) if point else Bucket(at, None, None)


def _by_hour(points: Sequence[FigurePoint], end: datetime) -> Iterator[BatchHour]:
    first = end.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    for number in range(_HOURS):
        at = first + timedelta(hours=number)
        inside = [point for point in points if 0 <= (point.at - at).total_seconds() < _HOUR]
        yield BatchHour(
            at,
            sum(point.completed for point in inside),
            sum(point.partial_fail for point in inside),
            sum(point.failed for point in inside),
            sum(point.cancelled for point in inside),
        )


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of the overview."""
    pages, router = OverviewPages(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(ROOT, pages.show, methods=["GET"], dependencies=viewer, response_model=None)
    return router
