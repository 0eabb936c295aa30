"""Snapshot of the hub for the console: one read a second at most, which all readers of the process share."""

import asyncio
from collections import Counter
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.batches import estimates
from integrahub.db.console import figures, overview
from integrahub.db.console.figures_rows import FigurePoint, FigureRange
from integrahub.db.console.overview import MAX_ROWS
from integrahub.db.console.overview_rows import HubState, LastProblem, RunningBatch
from integrahub.db.database import Database
from integrahub.db.monitoring import workers
from integrahub.domain.views.estimate import Estimate, estimate_completion
from integrahub.monitoring.attention import AttentionItem, list_attention
from integrahub.monitoring.dependencies import Checks, DependencyChecks
from integrahub.resilience.revalidated_result import RevalidatedResult
from integrahub.resilience.shared_results import SharedResults

MAX_SNAPSHOT_AGE_SECONDS = 5.0
_SNAPSHOT_TTL_SECONDS = 1.0
_SNAPSHOT_WAIT_SECONDS = 0.05  # for a new snapshot, while the last one may still be shown
_CHARTS_TTL_SECONDS = 5.0  # workers count every ten seconds
_MAX_CHARTS = 32
_FLEET_RATE_TTL_SECONDS = _LAST_PROBLEM_TTL_SECONDS = 10.0
_RATE_MINUTES = 2  # that the rate of now is measured over: the current and the last whole one


class Throughput(msgspec.Struct, frozen=True):
    """Records that got a result, and accepted posts, per second: now, and the highest of a minute in the last hour."""

    products: float
    posts: float
    peak: float


class OverviewSnapshot(msgspec.Struct, frozen=True):
    """The hub at one moment. `live` counts processes with a recent heartbeat by step; `api` is one of the steps.

    `read_at` is the time of this process when the read began. `estimates` are those of running batches, as far as they
    can be made. `last_problem` is read if nothing asks for attention.
    """

    read_at: datetime
    state: HubState
    attention: list[AttentionItem]
    running: list[RunningBatch]
    estimates: dict[UUID, Estimate]
    live: dict[str, int]
    throughput: Throughput
    dependencies: Checks
    last_problem: LastProblem | None = None

    @property
    def is_cut(self) -> bool:
        """Return whether more things of a kind may ask for attention than were read."""
        return any(count >= MAX_ROWS for count in Counter(item.kind for item in self.attention).values())


class Overview:
    """Reads snapshots and charts for the console's pages. `database` sees all pharmacies."""

    def __init__(self, database: Database, dependencies: DependencyChecks) -> None:
        self._database = database
        self._dependencies = dependencies
        self._snapshots = RevalidatedResult(self._read, _SNAPSHOT_TTL_SECONDS, _SNAPSHOT_WAIT_SECONDS)
        self._charts = SharedResults[tuple[FigureRange, datetime | None], list[FigurePoint]](
            _CHARTS_TTL_SECONDS, _MAX_CHARTS
        )
        self._last_problems = SharedResults[None, tuple[LastProblem | None]](_LAST_PROBLEM_TTL_SECONDS)
        self._fleet_rates = SharedResults[None, tuple[float | None]](_FLEET_RATE_TTL_SECONDS)

    async def snapshot(self, max_age_seconds: float = MAX_SNAPSHOT_AGE_SECONDS) -> OverviewSnapshot:
        """Return the hub as it was within the last second, or up to `max_age_seconds` ago if a new read takes long.

        With 0 the read begins now, so that it shows an act that was just done.
        """
        return await self._snapshots(max_age_seconds)

    async def points(self, range_: FigureRange, until: datetime | None = None) -> list[FigurePoint]:
        """Return the buckets of a chart that ends at `until` or now, oldest first."""
        return await self._charts((range_, until), lambda: figures.find_points(self._database, range_, until))

    async def _read(self) -> OverviewSnapshot:
        read_at = self._dependencies.clock()
        # A check waits for the disk, which is slow while bodies and WAL are written. So the reads run at the same time.
        checks, rows, live = await asyncio.gather(
            self._dependencies(), overview.find_overview(self._database), workers.count_by_step(self._database)
        )
        attention = list_attention(rows, checks)
        return OverviewSnapshot(
            read_at=read_at,
            state=rows.state,
            attention=attention,
            running=rows.running,
            estimates=await self._estimate(rows.running),
            live={row.step: row.live for row in live},
            throughput=_throughput_of(await self.points(FigureRange.HOUR)),
            dependencies=checks,
            last_problem=None if attention else (await self._last_problems(None, self._find_last_problem))[0],
        )

    async def _estimate(self, running: list[RunningBatch]) -> dict[UUID, Estimate]:
        ids = [batch.batch_id for batch in running if batch.items_total is not None]
        if not ids:
            return {}
        (rate,) = await self._fleet_rates(None, self._find_fleet_rate)
        paces = await estimates.find_paces(self._database, ids)
        made = {batch_id: estimate_completion(pace, rate) for batch_id, pace in paces.items()}
        return {batch_id: estimate for batch_id, estimate in made.items() if estimate}

    async def _find_last_problem(self) -> tuple[LastProblem | None]:
        return (await overview.find_last_problem(self._database),)

    async def _find_fleet_rate(self) -> tuple[float | None]:
        return (await estimates.find_fleet_rate(self._database),)


def _throughput_of(points: list[FigurePoint]) -> Throughput:
    lately = points[-_RATE_MINUTES:]
    seconds = max(1.0, sum(point.seconds for point in lately))
    return Throughput(
        products=sum(point.products for point in lately) / seconds,
        posts=sum(point.posts for point in lately) / seconds,
        peak=max((point.peak for point in points), default=0.0),
    )
