"""Gauges: what the database and the bus know of the hub's work, as Prometheus reads it. Any process may tell it."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from integrahub.bus.base import Bus
from integrahub.db import backlog, reconciliations, workers
from integrahub.db.pool import Database
from integrahub.domain.breakers import Breaker
from integrahub.domain.events import GROUPS
from integrahub.telemetry.metrics import REGISTRY, BreakerStates


class Gauges:
    """One text for a scrape: this process's own metrics, then what the database and the bus answer just now.

    `most` is step -> how many workers it may have.
    """

    def __init__(self, database: Database, bus: Bus, breakers: Mapping[str, Breaker], most: Mapping[str, int]) -> None:
        self._database = database
        self._bus = bus
        self._breakers = breakers
        self._most = most

    async def __call__(self) -> bytes:
        """The exposition; what does not answer is left out, as a breaker or a log tells."""
        registry = CollectorRegistry()
        registry.register(BreakerStates(self._breakers))
        for tell in (self._unaccounted, self._workers, self._backlog, self._lag):
            try:
                await tell(registry)
            except Exception:  # a scrape must not fail: an alert on what is missing would be blind
                continue
        return generate_latest(REGISTRY) + generate_latest(registry)

    async def _unaccounted(self, registry: CollectorRegistry) -> None:
        told = "Records that counts made apart do not agree on; anything but 0 is a fault of the hub"
        found = await reconciliations.latest(self._database)
        Gauge("integrahub_unaccounted_records", told, registry=registry).set(found["unaccounted"] if found else 0)

    async def _workers(self, registry: CollectorRegistry) -> None:
        rows = await workers.live_by_step(self._database)
        active = Gauge("integrahub_workers_active", "Workers that tell they live", ["step"], registry=registry)
        most = Gauge("integrahub_workers_max", "The most workers a step may have", ["step"], registry=registry)
        for step in {*self._most, *(row["step"] for row in rows)}:
            most.labels(step).set(self._most.get(step, 1))
            active.labels(step).set(0)
        for row in rows:
            active.labels(row["step"]).set(row["live"])
        registry.register(_Restarts({row["step"]: row["restarts"] for row in rows}))

    async def _backlog(self, registry: CollectorRegistry) -> None:
        gauge = Gauge(
            "integrahub_backlog_records",
            "Records that wait for a step; before the split, estimated",
            ["step"],
            registry=registry,
        )
        for step, records in (await backlog.by_step(self._database)).items():
            gauge.labels(step).set(records)

    async def _lag(self, registry: CollectorRegistry) -> None:
        gauge = Gauge("integrahub_lag", "Messages waiting on the bus", ["topic", "group"], registry=registry)
        for topic, group in GROUPS.items():
            gauge.labels(topic, group).set(await self._bus.lag(topic))


class _Restarts(Collector):
    """A counter whose value the database keeps."""

    def __init__(self, restarts: Mapping[str, int]) -> None:
        self._restarts = restarts

    def collect(self) -> list[CounterMetricFamily]:
        """One counter a step."""
        told = "Workers started again that nobody had stopped"
        counter = CounterMetricFamily("integrahub_worker_restarts", told, labels=["step"])
        for step, restarts in self._restarts.items():
            counter.add_metric([step], restarts)
        return [counter]
