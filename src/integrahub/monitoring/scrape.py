"""Renders all metrics of the hub for a scrape by Prometheus."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import structlog
from prometheus_client.metrics_core import Metric as Family

from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.db.monitoring import backlog, reconciliation, statistics, workers
from integrahub.domain.steps import GROUPS, STEPS
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.telemetry import exposition, snapshots
from integrahub.telemetry.instruments import Metric, Values
from integrahub.telemetry.metrics.catalogue import PRODUCTS
from integrahub.telemetry.metrics.infrastructure import BREAKER_STATE, LAG, STATISTICS_AGE
from integrahub.telemetry.metrics.pipeline import BACKLOG_RECORDS, BATCH_DURATION, UNACCOUNTED_RECORDS
from integrahub.telemetry.metrics.registry import ALL_METRICS
from integrahub.telemetry.metrics.workers import WORKER_RESTARTS, WORKERS_ACTIVE, WORKERS_MAX
from integrahub.telemetry.probe_server import DEFAULT_SCRAPE_TIMEOUT_SECONDS, ProbeResponse
from integrahub.telemetry.snapshots import Counts

_READ_SHARE = 0.4  # of the scrape timeout may pass while database and bus are read
_STATE_VALUES = {CircuitState.CLOSED: 0.0, CircuitState.HALF_OPEN: 1.0, CircuitState.OPEN: 2.0}
_log = structlog.get_logger()


class MetricsScrape:
    """Combine the counters of this process with figures read from the database and the bus.

    Any process can answer a scrape. `max_workers` is the upper limit of workers by step.
    """

    def __init__(
        self, database: Database, bus: Bus, breakers: Mapping[str, CircuitBreaker], max_workers: Mapping[str, int]
    ) -> None:
        self._database = database
        self._bus = bus
        self._breakers = breakers
        self._max_workers = max_workers

    async def __call__(self, timeout: float = DEFAULT_SCRAPE_TIMEOUT_SECONDS) -> bytes:
        """Return the exposition of this process. `timeout` is the scraper's, in seconds."""
        return await self.render(self.snapshot(), exposition.process_families(), timeout)

    async def counts(self) -> ProbeResponse:
        """ProbeResponse with the counters of this process; the supervisor sums them over its processes."""
        return 200, "application/json", snapshots.encode(self.snapshot())

    def snapshot(self) -> Counts:
        """Return the counters of this process."""
        for dependency, breaker in self._breakers.items():
            BREAKER_STATE.set(_STATE_VALUES[breaker.state], dependency)
        return snapshots.capture()

    async def render(self, counters: Counts, more: list[Family], timeout: float) -> bytes:
        """Return the exposition of these counters, of `more` metrics, and of the hub's figures that can be read.

        A figure that cannot be read is left out.
        """
        values: dict[Metric, Values] = {}
        try:
            async with asyncio.timeout(_READ_SHARE * timeout):
                for read in (self._unaccounted, self._workers, self._backlog, self._statistics, self._lag):
                    await _read_into(values, read)
        except TimeoutError:
            _log.warning("scrape timed out, some metrics are missing", action="scrape")
        families = [metric.family(values[metric]) for metric in ALL_METRICS if metric in values]
        return exposition.render_text([*exposition.families_of(counters), *families, *more])

    async def _unaccounted(self) -> AsyncIterator[tuple[Metric, Values]]:
        yield UNACCOUNTED_RECORDS, {(): [await reconciliation.find_latest(self._database) or 0]}

    async def _workers(self) -> AsyncIterator[tuple[Metric, Values]]:
        rows = await workers.count_by_step(self._database)
        live = dict.fromkeys(("api", *STEPS, *self._max_workers), 0) | {row.step: row.live for row in rows}
        restarts = dict.fromkeys(live, 0) | {row.step: row.restarts for row in rows}
        yield WORKERS_ACTIVE, {(step,): [count] for step, count in live.items()}
        yield WORKERS_MAX, {(step,): [self._max_workers.get(step, 1)] for step in live}
        yield WORKER_RESTARTS, {(step,): [count] for step, count in restarts.items()}

    async def _backlog(self) -> AsyncIterator[tuple[Metric, Values]]:
        by_step = await backlog.by_step(self._database)
        yield BACKLOG_RECORDS, {(step,): [records] for step, records in by_step.items()}

    async def _lag(self) -> AsyncIterator[tuple[Metric, Values]]:
        yield LAG, {(topic, group): [await self._bus.lag(topic)] for topic, group in GROUPS.items()}

    async def _statistics(self) -> AsyncIterator[tuple[Metric, Values]]:
        figures = await statistics.load(self._database)
        by_name = {metric.name: metric for metric in ALL_METRICS}
        values: dict[str, Values] = {}
        for figure in figures:
            values.setdefault(figure.name, {})[figure.labels] = [figure.value]
        if buckets := values.pop(BATCH_DURATION.name, None):
            labels = [*map(str, range(len(BATCH_DURATION.bounds) + 1)), "sum"]
            yield BATCH_DURATION, {(): [buckets.get((label,), [0.0])[0] for label in labels]}
        for name, by_labels in values.items():
            if name in by_name:
                yield by_name[name], by_labels
        # Products are counted last and least often: their age is that of the statistics.
        if ages := [figure.age for figure in figures if figure.name == PRODUCTS.name]:
            yield STATISTICS_AGE, {(): [ages[-1]]}


async def _read_into(values: dict[Metric, Values], read: Callable[[], AsyncIterator[tuple[Metric, Values]]]) -> None:
    try:
        async for metric, by_labels in read():
            values[metric] = by_labels
    except Exception as error:  # a failed scrape would blind the alerts on all other metrics
        _log.debug("cannot read a metric, leaving it out", action="scrape", error=str(error))
