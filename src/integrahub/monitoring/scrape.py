"""Gauges: what the database and the bus know of the hub's work, as Prometheus reads it. Any process may tell it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import structlog
from prometheus_client.metrics_core import Metric as Family

from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.db.monitoring import backlog, statistics, workers
from integrahub.db.monitoring import reconciliation as reconciliations
from integrahub.domain.steps import GROUPS, STEPS
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.telemetry import exposition, snapshots
from integrahub.telemetry.instruments import Metric, Values
from integrahub.telemetry.metrics.catalogue import PRODUCTS
from integrahub.telemetry.metrics.infrastructure import BREAKER_STATE, LAG, STATISTICS_AGE
from integrahub.telemetry.metrics.pipeline import BACKLOG_RECORDS, BATCH_DURATION, UNACCOUNTED_RECORDS
from integrahub.telemetry.metrics.registry import ALL_METRICS
from integrahub.telemetry.metrics.workers import WORKER_RESTARTS, WORKERS_ACTIVE, WORKERS_MAX
from integrahub.telemetry.probe_server import SCRAPE, Answer
from integrahub.telemetry.snapshots import Counts

_SHARE = 0.4  # of the time a scraper waits, the database and the bus may take
_DEGREES = {CircuitState.CLOSED: 0.0, CircuitState.HALF_OPEN: 1.0, CircuitState.OPEN: 2.0}
_log = structlog.get_logger()


class MetricsScrape:
    """One text for a scrape: what this process counts, then what the database and the bus answer just now.

    `most` is step -> how many workers it may have.
    """

    def __init__(
        self, database: Database, bus: Bus, breakers: Mapping[str, CircuitBreaker], most: Mapping[str, int]
    ) -> None:
        self._database = database
        self._bus = bus
        self._breakers = breakers
        self._most = most

    async def __call__(self, waits: float = SCRAPE) -> bytes:
        """The exposition of this process, for one who waits so many seconds."""
        return await self.told(self.own(), exposition.of_process(), waits)

    async def counts(self) -> Answer:
        """What this process counts itself, for whoever adds processes up."""
        return 200, "application/json", snapshots.encode(self.own())

    def own(self) -> Counts:
        """What this process counts itself."""
        for dependency, breaker in self._breakers.items():
            BREAKER_STATE.set(_DEGREES[breaker.state], dependency)
        return snapshots.capture()

    async def told(self, counted: Counts, more: list[Family], waits: float) -> bytes:
        """These counts, and of the hub's figures those that answer; a breaker or the log tells why others do not."""
        found: dict[Metric, Values] = {}
        try:
            async with asyncio.timeout(_SHARE * waits):
                for ask in (self._unaccounted, self._workers, self._backlog, self._figures, self._lag):
                    await _answered(ask, found)
        except TimeoutError:
            _log.warning("the hub's figures took too long to be told whole", action="scrape")
        families = [metric.family(found[metric]) for metric in ALL_METRICS if metric in found]
        return exposition.text([*exposition.counted(counted), *families, *more])

    async def _unaccounted(self) -> AsyncIterator[tuple[Metric, Values]]:
        found = await reconciliations.latest(self._database)
        yield UNACCOUNTED_RECORDS, {(): [found["unaccounted"] if found else 0]}

    async def _workers(self) -> AsyncIterator[tuple[Metric, Values]]:
        rows = await workers.live_by_step(self._database)
        live = dict.fromkeys(("api", *STEPS, *self._most), 0) | {row["step"]: row["live"] for row in rows}
        restarts = dict.fromkeys(live, 0) | {row["step"]: row["restarts"] for row in rows}
        yield WORKERS_ACTIVE, {(step,): [count] for step, count in live.items()}
        yield WORKERS_MAX, {(step,): [self._most.get(step, 1)] for step in live}
        yield WORKER_RESTARTS, {(step,): [count] for step, count in restarts.items()}

    async def _backlog(self) -> AsyncIterator[tuple[Metric, Values]]:
        waiting = await backlog.by_step(self._database)
        yield BACKLOG_RECORDS, {(step,): [records] for step, records in waiting.items()}

    async def _lag(self) -> AsyncIterator[tuple[Metric, Values]]:
        yield LAG, {(topic, group): [await self._bus.lag(topic)] for topic, group in GROUPS.items()}

    async def _figures(self) -> AsyncIterator[tuple[Metric, Values]]:
        figures, ages = await statistics.kept(self._database)
        by_name = {metric.name: metric for metric in ALL_METRICS}
        values: dict[str, Values] = {}
        for (name, labels), value in figures.items():
            values.setdefault(name, {})[labels] = [value]
        if duration := values.pop(BATCH_DURATION.name, None):
            ends = [*map(str, range(len(BATCH_DURATION.bounds) + 1)), "sum"]
            yield BATCH_DURATION, {(): [duration.get((end,), [0.0])[0] for end in ends]}
        for name, of_it in values.items():
            if name in by_name:
                yield by_name[name], of_it
        if PRODUCTS.name in ages:  # what is costly is counted last
            yield STATISTICS_AGE, {(): [ages[PRODUCTS.name]]}


async def _answered(ask: Callable[[], AsyncIterator[tuple[Metric, Values]]], found: dict[Metric, Values]) -> None:
    try:
        async for metric, values in ask():
            found[metric] = values
    except Exception as error:  # a scrape must not fail: an alert on what is missing would be blind
        _log.debug("a figure cannot be told", action="scrape", error=str(error))
